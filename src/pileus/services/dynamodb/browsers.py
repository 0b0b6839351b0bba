"""What is sent to DynamoDB that is no operation of it: preflights of browsers, and looks at whether it is well.

On AWS any page may call DynamoDB and read what it answers, for its signature says who calls. Here the well-known key
is no secret: with it a page of the internet could, in the browser of whoever runs this, read and write all tables. So
where such keys are known only pages of this machine may; with `--auth strict` any, as on AWS.

Source: AWS SDK for JavaScript developer guide, "Cross-origin resource sharing (CORS)"; the headers are those of AWS's
answers.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from pileus.kernel.call import Call, Cloud
from pileus.kernel.http import HttpRequest, HttpResponse

_MAX_AGE_S = 172_800
_EXPOSED = "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date"


async def beyond_model(call: Call, key_holder: Callable) -> HttpResponse | None:
    """A preflight, or `GET /`; None for what DynamoDB does not know either."""
    request = call.http
    if request.method == "OPTIONS":
        return HttpResponse(200, _allowed(request) if _is_welcome(call.cloud, request) else [])
    if request.method == "GET" and request.path == "/":
        return HttpResponse(200, [("Content-Type", "text/plain")], f"healthy: {request.host} \n".encode())
    return None


def decorate(cloud: Cloud, request: HttpRequest, response: HttpResponse) -> None:
    """Tell a browser that its page may read this answer, be it an error."""
    if _is_welcome(cloud, request):
        response.headers += [("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", _EXPOSED)]


def _allowed(request: HttpRequest) -> list[tuple[str, str]]:
    """What a page may send: whatever it asks for."""
    headers = [("Access-Control-Max-Age", str(_MAX_AGE_S))]
    for asked, answer in (("method", "Methods"), ("headers", "Headers")):
        wanted = request.headers.get(f"access-control-request-{asked}")
        if wanted is not None:
            headers.append((f"Access-Control-Allow-{answer}", wanted))
    return headers


def _is_welcome(cloud: Cloud, request: HttpRequest) -> bool:
    origin = request.headers.get("origin")
    if origin is None:
        return False
    if cloud.settings.auth != "local":
        return True
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        return False
    return host in ("127.0.0.1", "::1", "localhost") or host.endswith(".localhost")
