"""The route where custom resources and those who signal wait conditions put their answers."""

from typing import Any

from pileus.kernel.http import BodyCutShort, BodyTooLarge, HttpRequest, HttpResponse
from pileus.stacks import letters


async def receive(cloud: Any, request: HttpRequest) -> HttpResponse:
    """PUT with a JSON body, as to a presigned URL of S3: 200, or 403 where the address is not one of ours."""
    if request.method != "PUT":
        return HttpResponse(405)
    try:
        body = await request.body.read(letters.LETTER_BYTES)
    except BodyTooLarge:
        return HttpResponse(400, body=b"Response object is too long.")
    except BodyCutShort:
        return HttpResponse(400)
    secret = request.path.removeprefix(letters.PATH)
    if not await cloud.store.write(letters.deliver, secret, body):
        return HttpResponse(403)
    return HttpResponse(200)


ROUTES = {letters.PATH: receive}
