"""Requests signed by botocore, and the same as the server would hand them to us."""

from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pileus.kernel.http import Body, HttpRequest

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SIGNERS = {
    "header": SigV4Auth,
    "query": SigV4QueryAuth,
    "s3-header": S3SigV4Auth,
    "s3-query": S3SigV4QueryAuth,
}


def as_received(request: AWSRequest, body: bytes = b"") -> HttpRequest:
    url = urlsplit(request.url)
    headers: dict[str, str] = {}
    for name in dict.fromkeys(name.lower() for name in request.headers):
        # On the wire a header's text is UTF-8 bytes, which servers hand on as Latin-1.
        values = [str(value).encode().decode("latin-1") for value in request.headers.get_all(name)]
        headers[name] = ",".join(values)
    headers.setdefault("host", url.netloc)
    return HttpRequest(request.method, url.path, url.query, headers, Body(body))


def signed_by_botocore(
    kind: str,
    *,
    method: str = "POST",
    url: str = "https://sqs.us-east-1.amazonaws.com/",
    headers: list[tuple[str, str]] = (),
    body: bytes = b"",
    service: str = "sqs",
    region: str = "us-east-1",
    token: str | None = None,
    **signer_options,
) -> HttpRequest:
    request = AWSRequest(method=method, url=url, data=body)
    for name, value in headers:
        request.headers[name] = value
    credentials = Credentials(ACCESS_KEY, SECRET, token)
    SIGNERS[kind](credentials, service, region, **signer_options).add_auth(request)
    return as_received(request, body)
