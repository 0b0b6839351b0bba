"""A client without a socket: botocore writes and signs the request, the gateway answers, botocore reads the answer."""

import json
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

import botocore.session
from botocore import UNSIGNED, parsers
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, HeadersDict
from botocore.config import Config
from botocore.credentials import Credentials
from msgspec.structs import replace

from pileus.gateway.local import LocalApi
from pileus.kernel.http import Body, FilePart, HttpRequest, HttpResponse
from pileus.testing import Cloud

Key = tuple[str, str] | tuple[str, str, str]
ROOT: Key = ("test", "test")
ENDPOINT = "http://localhost:4566"


@dataclass
class Answer:
    """`parsed` is what botocore makes of it, where the wire knows which operation it answers."""

    status: int
    headers: dict[str, str]
    body: bytes
    parsed: dict

    @property
    def code(self) -> str:
        return self.parsed["Error"]["Code"]

    @property
    def message(self) -> str:
        return self.parsed["Error"]["Message"]


class Wire:
    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.local = LocalApi(cloud.pileus)
        self.gateway = cloud.pileus.gateway
        self._is_stopped = False

    async def stop(self) -> None:
        if not self._is_stopped:
            self._is_stopped = True
            await self.cloud.pileus.stop()

    async def call(self, service: str, operation: str, *, key: Key | None = ROOT, at: str = ENDPOINT, **members):
        """One operation as `key` (None: unsigned), all the way there and back."""
        request = written(service, operation, members, key, at)
        return await self.send(request, service, operation)

    async def send(self, request: HttpRequest, service: str | None = None, operation: str = "") -> Answer:
        response = await self.gateway.handle(request)
        return await answer_of(response, service, operation)

    async def ask(self, method: str, path: str, body: bytes = b"", client_host: str = "127.0.0.1") -> Answer:
        """Of what Pileus answers for itself."""
        response = await self.local.handle(HttpRequest(method, path, body=Body(body), client_host=client_host))
        return await answer_of(response)

    async def user(self, name: str, *statements: dict) -> Key:
        """A new IAM user's key, made by the API."""
        await self.cloud.iam.CreateUser(UserName=name)
        if statements:
            await self.cloud.iam.PutUserPolicy(UserName=name, PolicyName="own", PolicyDocument=document(*statements))
        made = (await self.cloud.iam.CreateAccessKey(UserName=name))["AccessKey"]
        return made["AccessKeyId"], made["SecretAccessKey"]


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list, resource: str | list = "*", **more) -> dict:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


class Written(Exception):
    """Carries the request out of botocore, which would send it now."""

    def __init__(self, request: AWSPreparedRequest) -> None:
        self.request = request


@cache
def _session() -> botocore.session.Session:
    return botocore.session.Session()


@cache
def client(
    service: str, key: Key | None = ROOT, at: str = ENDPOINT, style: str = "path", signature_version: str = "s3v4"
):
    """signature_version  of S3, where botocore's own choice is "s3": version 2"""
    access_key, secret, token = (*(key or ROOT), None, None)[:3]
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": style}, parameter_validation=False)
    if key is None:
        config = config.merge(Config(signature_version=UNSIGNED))
    elif service == "s3":
        config = config.merge(Config(signature_version=signature_version))
    made = _session().create_client(
        service,
        "us-east-1",
        endpoint_url=at,
        config=config,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret,
        aws_session_token=token,
    )

    def carry_out(request: AWSPreparedRequest, **_) -> None:
        raise Written(request)

    made.meta.events.register("before-send", carry_out)
    return made


def written(
    service: str,
    operation: str,
    members: dict,
    key: Key | None = ROOT,
    at: str = ENDPOINT,
    style: str = "path",
    signature_version: str = "s3v4",
) -> HttpRequest:
    """The request of a call, as the server would hand it over."""
    made = client(service, key, at, style, signature_version)
    method = next(name for name, wanted in made.meta.method_to_api_mapping.items() if wanted == operation)
    try:
        getattr(made, method)(**members)
    except Written as carried:
        return received(carried.request)
    raise AssertionError("botocore sent it")


def received(request: AWSPreparedRequest) -> HttpRequest:
    url = urlsplit(request.url)
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        headers[name.lower()] = text
    headers.setdefault("host", url.netloc)
    body = request.body or b""
    if hasattr(body, "read"):
        body = body.read()
    return HttpRequest(
        request.method, url.path or "/", url.query, headers, Body(body if isinstance(body, bytes) else body.encode())
    )


def signed(
    method: str, url: str, headers: dict[str, str], body: bytes = b"", *, service: str, key: Key = ROOT
) -> HttpRequest:
    """A request of the test's own making, signed by botocore."""
    request = AWSRequest(method=method, url=url, data=body, headers=headers)
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    signer(Credentials(*key), service, "us-east-1").add_auth(request)
    return replace(received(request.prepare()), body=Body(body))


async def answer_of(response: HttpResponse, service: str | None = None, operation: str = "") -> Answer:
    body = response.body
    if isinstance(body, FilePart):
        with open(body.path, "rb") as file:
            file.seek(body.offset)
            body = file.read(body.length)
    elif not isinstance(body, bytes):
        body = b"".join([piece async for piece in body])
    headers = {name.lower(): value for name, value in response.headers}
    parsed = {}
    if service is not None:
        model = client(service).meta.service_model
        shape = model.operation_model(operation).output_shape if operation else None
        parser = parsers.create_parser(model.resolved_protocol)
        told = {"status_code": response.status, "headers": HeadersDict(headers), "body": body}
        has_stream = shape is not None and "payload" in shape.serialization and response.status < 300
        if not has_stream:
            parsed = parser.parse(told, shape)
    return Answer(response.status, headers, body, parsed)
