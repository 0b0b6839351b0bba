"""Functions share the machine's loopback, and are not its user: attacks from inside functions on a server of its own."""

import contextlib
import functools
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from pileus.runtime import sandbox

ROOT = Path(__file__).parents[3]
READY = re.compile(r"ready at http://\S+:(\d+) ")
ONE_TRY = Config(retries={"total_max_attempts": 1})
NOBODY = 65534

PYTHON = r"""
import json, os, socket, subprocess, sys
import boto3, botocore
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials


def client(service, url, key="test", secret="test", **other):
    return boto3.client(service, region_name="us-east-1", endpoint_url=url, aws_access_key_id=key,
                        aws_secret_access_key=secret, config=Config(retries={"total_max_attempts": 1}), **other)


def tried(what):
    try:
        what()
        return "let in"
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    except Exception as error:
        return type(error).__name__


def create_queue(name, port):
    "A signed request as bytes: what it does is seen afterwards, whoever is left to read the answer."
    body = json.dumps({"QueueName": name})
    headers = {"X-Amz-Target": "AmazonSQS.CreateQueue", "Content-Type": "application/x-amz-json-1.0"}
    request = AWSRequest("POST", f"http://127.0.0.1:{port}/", data=body, headers=headers)
    SigV4Auth(Credentials("test", "test"), "sqs", "us-east-1").add_auth(request)
    lines = ["POST / HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def connected(port):
    return socket.create_connection(("127.0.0.1", port))


def send_and_go(port):
    end = connected(port)
    end.sendall(create_queue("sent-and-gone", port))
    end.close()


def send_and_finish(port):
    end = connected(port)
    end.sendall(create_queue("half-closed", port))
    end.shutdown(socket.SHUT_WR)
    end.close()


def hide_in_a_message(port):
    "Nobody holds it then, and it lives: it travels in a socket that nobody reads."
    here, there = socket.socketpair()
    end = connected(port)
    socket.send_fds(here, [b"x"], [end.fileno()])
    data = create_queue("in-a-message", port)
    end.sendall(data[:20])
    copy = os.dup(end.fileno())
    if os.fork() == 0:
        os.write(copy, data[20:])
        os._exit(0)
    end.close()
    os.close(copy)
    os.wait()
    tried(client("sqs", f"http://127.0.0.1:{port}").list_queues)  # asked about after the one that lies there
    _, fds, _, _ = socket.recv_fds(there, 1, 1)
    answer = socket.socket(fileno=fds[0]).recv(4096)
    return json.loads(answer.partition(b"\r\n\r\n")[2])["__type"].rpartition("#")[2]


def fork_twice(url):
    "In a grandchild whose parent has gone, in a session of its own."
    reader, writer = os.pipe()
    until_gone, parent = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.close(parent)
            os.read(until_gone, 1)
            os.write(writer, tried(client("sqs", url).list_queues).encode())
            os._exit(0)
        os._exit(0)
    os.close(writer)
    os.close(parent)
    os.wait()
    return os.read(reader, 100).decode()


def in_a_child(url):
    code = f"import sys; sys.path[:0] = {sys.path!r}; import index; print(index.tried(index.client('sqs', {url!r}).list_queues))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()


def by_name(service):
    "By AWS's own name over https, which Pileus forwards to itself."
    return tried(client(service, None).list_queues)


def handler(event, context):
    port = event["port"]
    url = f"http://127.0.0.1:{port}"
    os.environ.pop("AWS_ENDPOINT_URL", None)
    os.environ.pop("AWS_SESSION_TOKEN", None)  # botocore would not send it; boto3 with explicit keys does not either
    kept = client("sqs", url)
    found = {
        "sqs": tried(client("sqs", url).list_queues),
        "sts": tried(client("sts", url).get_caller_identity),
        "s3": tried(client("s3", url).list_buckets),
        "lambda": tried(client("lambda", url).list_functions),
        "another account": tried(client("sqs", url, key="123456789012").list_queues),
        "localhost": tried(client("sqs", f"http://localhost:{port}").list_queues),
        "another address": tried(client("sqs", f"http://127.0.0.2:{port}").list_queues),
        "mapped": tried(client("sqs", f"http://[::ffff:127.0.0.1]:{port}").list_queues),
        "kept alive": [tried(kept.list_queues) for _ in range(3)][-1],
        "child": in_a_child(url),
        "grandchild": fork_twice(url),
        "aws's name": by_name("sqs"),
        "hidden": hide_in_a_message(port),
    }
    send_and_go(port)
    send_and_finish(port)
    return found


def as_itself(event, context):
    return boto3.client("sts").get_caller_identity()["Arn"]


def move_clock(event, context):
    import urllib.request, urllib.error
    try:
        request = urllib.request.Request(f"http://127.0.0.1:{event['port']}/_pileus/clock", data=b'{"advance": "30d"}')
        return urllib.request.urlopen(request).status
    except urllib.error.HTTPError as error:
        return error.code
"""

NODE = r"""
const crypto = require("node:crypto");
const http = require("node:http");
const { execFileSync } = require("node:child_process");

function signed(host) {
  const now = new Date().toISOString().replace(/[-:]|\.\d{3}/g, "");
  const body = "{}", scope = `${now.slice(0, 8)}/us-east-1/sqs/aws4_request`;
  const hash = (text) => crypto.createHash("sha256").update(text).digest("hex");
  const mac = (key, text) => crypto.createHmac("sha256", key).update(text).digest();
  const headers = { "content-type": "application/x-amz-json-1.0", host, "x-amz-date": now, "x-amz-target": "AmazonSQS.ListQueues" };
  const names = Object.keys(headers).join(";");
  const canonical = ["POST", "/", "", ...Object.entries(headers).map(([n, v]) => `${n}:${v}`), "", names, hash(body)].join("\n");
  const key = ["us-east-1", "sqs", "aws4_request"].reduce(mac, mac("AWS4test", now.slice(0, 8)));
  const signature = mac(key, ["AWS4-HMAC-SHA256", now, scope, hash(canonical)].join("\n")).toString("hex");
  headers.authorization = `AWS4-HMAC-SHA256 Credential=test/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return { headers, body };
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const ask = (port, host = "127.0.0.1") => new Promise((resolve, reject) => {
  const { headers, body } = signed(`${host}:${port}`);
  http.request({ host, port, method: "POST", path: "/", headers, agent }, (answer) => {
    let text = "";
    answer.on("data", (part) => { text += part; }).on("end", () => resolve(answer.statusCode === 200 ? "let in" : JSON.parse(text).__type.split("#").pop()));
  }).on("error", (error) => resolve(error.code)).end(body);
});

exports.handler = async ({ port }) => {
  await ask(port);
  const script = `require("/var/task/index.js").ask(${port}).then((said) => { console.log(said); process.exit(0) })`;
  return {
    "kept alive": await ask(port),
    localhost: await ask(port, "localhost"),
    child: execFileSync(process.execPath, ["-e", script.replace("/var/task", process.env.LAMBDA_TASK_ROOT)]).toString().trim(),
  };
};
exports.ask = ask;
"""


def as_it_is() -> dict:
    return {}


def without_namespaces() -> dict:
    return {"env": {"PILEUS_NO_NAMESPACES": "1"}}


def as_another_user() -> dict:
    """Without root, where functions and the user's own programs have the same user outside."""
    if os.getuid() != 0:
        pytest.skip("only root can start a server as another user; this user's was tested")
    return {"user": NOBODY, "executable": python_of(NOBODY)}


@functools.cache
def python_of(user: int) -> str:
    """An interpreter that this user may run, and that has what Pileus needs."""
    for candidate in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            return run("import pileus.cli.start; print(sys.executable)", user=user, executable=candidate)
    warnings.warn("programs of other users are not tested here: they can't read the project", stacklevel=1)
    pytest.skip("other users can't read the project here")


def options(user: int | None = None, env: dict | None = None) -> dict:
    """Of subprocess, for another user: the packages are those of this interpreter."""
    packages = os.pathsep.join([str(ROOT / "src"), *(path for path in sys.path if path.endswith("site-packages"))])
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    environment = {**os.environ, "PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1", **keys, **(env or {})}
    identity = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    return {"env": environment, "cwd": "/", **identity}


def run(code: str, *, user: int | None = None, executable: str = sys.executable) -> str:
    """What a program of this machine prints."""
    command = [executable, "-c", "import sys; " + code]
    return subprocess.run(command, capture_output=True, text=True, check=True, **options(user)).stdout.strip()


@pytest.fixture(scope="module", params=[as_it_is, without_namespaces, as_another_user])
def server(request, tmp_path_factory) -> Iterator[tuple[str, int]]:
    """`pileus start`, and a role for functions: (url, port)."""
    if sys.platform != "linux":
        pytest.skip("only Linux says who calls")
    how = request.param()
    if request.param is not without_namespaces and (refusal := sandbox.refusal()) is not None:
        warnings.warn(f"callers from sandboxes are not tested here: {refusal}", stacklevel=1)
        pytest.skip(refusal)
    with started(tmp_path_factory.mktemp("server") / "log", **how) as (url, port):
        yield url, port


@contextlib.contextmanager
def started(log_path: Path, *, executable: str = sys.executable, host: str = "127.0.0.1", **how):
    """A server with a role for functions, in a process of its own: (url, port)."""
    command = [executable, "-m", "pileus", "start", "--host", host, "--port", "0", "--ephemeral"]
    with open(log_path, "wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, **options(**how))
    try:
        found = READY.search(process.stdout.readline())
        assert found, log_path.read_text()
        url = f"http://[{host}]:{found[1]}" if ":" in host else f"http://{host}:{found[1]}"
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
        document = {"Version": "2012-10-17", "Statement": [trust]}
        connect("iam", url).create_role(RoleName="runs", AssumeRolePolicyDocument=json.dumps(document))
        yield url, int(found[1])
        assert "Traceback" not in log_path.read_text(), log_path.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        process.stdout.close()


def connect(service: str, url: str, key: str = "test", secret: str = "test"):
    return boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=url,
        config=ONE_TRY,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )


def function(url: str, name: str, runtime: str, source: str, file: str, handler: str = "index.handler"):
    """Make a function; returns what invokes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(file, source)
    made = connect("lambda", url)
    made.create_function(
        FunctionName=name, Runtime=runtime, Handler=handler, Role="arn:aws:iam::000000000000:role/runs",
        Code={"ZipFile": buffer.getvalue()}, Timeout=60, MemorySize=1769,
    )  # fmt: skip
    made.get_waiter("function_active_v2").wait(FunctionName=name)

    def invoke(**event):
        answer = made.invoke(FunctionName=name, Payload=json.dumps(event))
        payload = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, payload
        return payload

    return invoke


def test_the_well_known_keys_are_refused_to_functions_whatever_way_they_come(server):
    url, port = server
    found = function(url, "attacks", "python3.11", PYTHON, "index.py")(port=port)
    assert found.pop("another address") == "EndpointConnectionError"  # Pileus listens on 127.0.0.1 alone
    unknown = ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId")
    assert {way: said for way, said in found.items() if said not in unknown} == {}
    assert (found["sqs"], found["sts"], found["s3"]) == (
        connect_refusal("sqs", url, "list_queues"), "InvalidClientTokenId", "InvalidAccessKeyId",
    )  # fmt: skip
    # Whoever had left before Pileus could ask who it was, got nothing done either.
    assert connect("sqs", url).list_queues().get("QueueUrls", []) == []


def connect_refusal(service: str, url: str, method: str) -> str:
    """How a key that nobody made is refused."""
    with pytest.raises(ClientError) as refused:
        getattr(connect(service, url, key="AKIANOSUCHKEY0000000"), method)()
    return refused.value.response["Error"]["Code"]


def test_node_functions_are_no_better(server):
    if shutil.which("node") is None:
        warnings.warn("Node functions are not tested here: there is no node", stacklevel=1)
        pytest.skip("there is no node on this machine")
    url, port = server
    found = function(url, "node-attacks", "nodejs20.x", NODE, "index.js")(port=port)
    assert set(found.values()) == {"UnrecognizedClientException"}, found


def test_a_functions_own_credentials_work(server):
    url, _ = server
    whoami = function(url, "whoami", "python3.11", PYTHON, "index.py", handler="index.as_itself")
    assert whoami().startswith("arn:aws:sts::000000000000:assumed-role/runs/")


def test_the_machines_own_programs_stay_root_while_functions_run(server):
    url, _ = server
    function(url, "runs", "python3.11", PYTHON, "index.py", handler="index.as_itself")()
    assert connect("sts", url).get_caller_identity()["Arn"].endswith(":root")
    assert connect("sts", url, key="123456789012").get_caller_identity()["Account"] == "123456789012"
    code = (
        f"import boto3; boto3.client('sqs', region_name='us-east-1', endpoint_url={url!r}).list_queues(); print('in')"
    )
    assert run(code) == "in"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can start programs of other users")
def test_programs_of_other_users_stay_root_too(server):
    """Also of the users that functions are: on the outside, and inside (sandbox.USER_ID)."""
    url, _ = server
    function(url, "runs-beside", "python3.11", PYTHON, "index.py", handler="index.as_itself")()
    code = (
        f"import boto3; boto3.client('sqs', region_name='us-east-1', endpoint_url={url!r}).list_queues(); print('in')"
    )
    for user in (NOBODY, sandbox.USER_ID):
        assert run(code, user=user, executable=python_of(user)) == "in"


def test_over_ipv6_it_is_the_same(tmp_path):
    if sys.platform != "linux":
        pytest.skip("only Linux says who calls")
    with started(tmp_path / "log", host="::1") as (url, _):
        source = PYTHON + f"\ndef over_ipv6(event, context): return tried(client('sqs', {url!r}).list_queues)\n"
        refused = function(url, "ipv6", "python3.11", source, "index.py", handler="index.over_ipv6")()
        assert refused == connect_refusal("sqs", url, "list_queues")
        assert connect("sts", url).get_caller_identity()["Arn"].endswith(":root")


def test_the_status_says_whose_the_well_known_key_is(server):
    url, _ = server
    with urllib.request.urlopen(url + "/_pileus/status") as answer:
        assert "the well-known key is refused to functions" in json.load(answer)["isolation"]["keys"]


def test_functions_cant_move_the_clock(server):
    url, port = server
    assert function(url, "clock", "python3.11", PYTHON, "index.py", handler="index.move_clock")(port=port) == 403
