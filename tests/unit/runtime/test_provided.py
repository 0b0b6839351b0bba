"""Custom runtimes speak the Runtime API on their own."""

import os

import pytest

from pileus.runtime.spec import RuntimeMissing

BOOTSTRAP = """#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
exec python3 -c '
import os, urllib.request as u
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/"
while True:
    with u.urlopen(api + "invocation/next") as event:
        name, body = event.headers["Lambda-Runtime-Aws-Request-Id"], event.read()
    u.urlopen(api + "invocation/" + name + "/response", b"custom " + body).read()
'
"""


async def test_a_bootstrap_of_the_functions_own_runs(bench):
    if not os.path.exists("/usr/bin/python3"):
        pytest.skip("the bootstrap of this test is written in the system's python3, which is not there")
    spec = bench.function(BOOTSTRAP, file="bootstrap", runtime="provided.al2023", memory_mib=512, timeout_s=10)
    os.chmod(f"{spec.code}/bootstrap", 0o755)
    assert (await bench.call(spec, b"1")).payload == b"custom 1"
    assert (await bench.call(spec, b"2")).payload == b"custom 2"


async def test_without_a_bootstrap_it_says_so(bench):
    with pytest.raises(RuntimeMissing, match="Couldn't find valid bootstrap"):
        await bench.call(bench.function("", runtime="provided.al2"))


async def test_unknown_runtimes_are_refused_by_name(bench):
    with pytest.raises(RuntimeMissing, match="cobol1"):
        await bench.call(bench.function("", runtime="cobol1"))
