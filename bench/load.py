"""The load: requests signed beforehand, sent by wrk, so that the client is not what is measured."""

import hashlib
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import orjson
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

CREDENTIALS = Credentials("test", "test")
REGION = "us-east-1"

SCRIPT = """
local requests, at = {}, 0
init = function(args)
  for line in io.lines("@list@") do
    local method, path, head, file = line:match("([^\\t]*)\\t([^\\t]*)\\t([^\\t]*)\\t([^\\t]*)")
    local headers = {}
    for name, value in head:gmatch("([^\\1]*)\\2([^\\1]*)\\1") do headers[name] = value end
    local body = ""
    if file ~= "" then local f = io.open(file, "rb"); body = f:read("*a"); f:close() end
    requests[#requests + 1] = wrk.format(method, path, headers, body)
  end
end
request = function() at = at % #requests + 1; return requests[at] end
"""


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Result:
    """per_s: requests answered a second. refused: answers that were no 2xx; then the rate means nothing."""

    per_s: float
    p50_ms: float
    p99_ms: float
    refused: int


def signed(service: str, method: str, endpoint: str, path: str, headers: dict[str, str], body: bytes = b"") -> Request:
    """Valid for a quarter of an hour."""
    request = AWSRequest(method, endpoint + path, data=body, headers=headers)
    if service == "s3":
        request.headers["x-amz-content-sha256"] = hashlib.sha256(body).hexdigest()
    (S3SigV4Auth if service == "s3" else SigV4Auth)(CREDENTIALS, service, REGION).add_auth(request)
    return Request(method, path, {**dict(request.headers.items()), "Host": endpoint.removeprefix("http://")}, body)


def sqs(endpoint: str, operation: str, content: dict) -> Request:
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"AmazonSQS.{operation}"}
    return signed("sqs", "POST", endpoint, "/", headers, orjson.dumps(content))


def dynamodb(endpoint: str, operation: str, content: dict) -> Request:
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"DynamoDB_20120810.{operation}"}
    return signed("dynamodb", "POST", endpoint, "/", headers, orjson.dumps(content))


def wrk(endpoint: str, requests: list[Request], *, connections: int, seconds: float) -> Result:
    """Send the requests in turn, again and again. Raises RuntimeError where wrk is not installed."""
    if shutil.which("wrk") is None:
        raise RuntimeError("wrk is needed: apt-get install wrk")
    with tempfile.TemporaryDirectory(prefix="wrk-") as folder:
        place = Path(folder)
        lines = []
        for number, request in enumerate(requests):
            file = ""
            if request.body:
                file = str(place / f"{number}.body")
                Path(file).write_bytes(request.body)
            head = "".join(f"{name}\2{value}\1" for name, value in request.headers.items())
            lines.append(f"{request.method}\t{request.path}\t{head}\t{file}")
        (place / "list").write_text("\n".join(lines) + "\n")
        (place / "load.lua").write_text(SCRIPT.replace("@list@", str(place / "list")))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", "--timeout", "20s"]
        output = subprocess.run(
            [*command, "-s", str(place / "load.lua"), endpoint], capture_output=True, text=True, check=True
        ).stdout
    return _read(output)


def _read(output: str) -> Result:
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    return Result(
        float(rate.group(1)),
        _ms(re.search(r"50%\s+([\d.]+)(us|ms|s)", output)),
        _ms(re.search(r"99%\s+([\d.]+)(us|ms|s)", output)),
        int(refused.group(1) if refused else 0) + sum(map(int, errors.groups() if errors else ())),
    )


def _ms(found: re.Match) -> float:
    return float(found.group(1)) * {"us": 0.001, "ms": 1, "s": 1000}[found.group(2)]
