"""Where templates come from: the request itself, our own S3, or the stack as it is.

A TemplateURL may be written in any form that leads to this endpoint: AWS's own host names (which tools print whatever
endpoint they were given), the endpoint's address with the bucket in the path, or s3://.
"""

import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pileus.kernel.call import Call
from pileus.kernel.errors import AwsError
from pileus.kernel.http import FilePart
from pileus.services.cloudformation.errors import ValidationError
from pileus.stacks.records import Blueprint
from pileus.stacks.template import BODY_FROM_S3_BYTES

_IN_HOST = re.compile(
    r"(?P<bucket>.+)\.s3(?:[.-][a-z0-9-]+)*\.(?:amazonaws\.com(?:\.cn)?|localhost(?:\.localstack\.cloud)?)"
)
_IN_PATH = re.compile(r"s3(?:[.-][a-z0-9-]+)*\.(?:amazonaws\.com(?:\.cn)?|localhost(?:\.localstack\.cloud)?)")
TEXT_BYTES = BODY_FROM_S3_BYTES + 1


async def template_text(call: Call, request: dict, previous: Blueprint | None) -> tuple[str, bool]:
    """(text, whether it came from S3) of TemplateBody, TemplateURL or UsePreviousTemplate."""
    given = [name for name in ("TemplateBody", "TemplateURL") if request.get(name)]
    if request.get("UsePreviousTemplate"):
        if given:
            raise ValidationError("UsePreviousTemplate cannot be used together with TemplateBody or TemplateURL.")
        if previous is None:
            raise ValidationError("There is no previous template to use.")
        return previous.template, True
    if len(given) > 1:
        raise ValidationError("You cannot specify more than one of the following: [TemplateURL, TemplateBody]")
    if not given:
        raise ValidationError("Either Template URL or Template Body must be specified.")
    if given == ["TemplateBody"]:
        return request["TemplateBody"], False
    return await text_at_url(call, request["TemplateURL"]), True


async def text_at_url(call: Call, url: str) -> str:
    location = s3_location(url)
    if location is None:
        raise ValidationError("TemplateURL must be a supported URL.")
    return await text_in_s3(call.invoke, *location)


def s3_location(url: str) -> tuple[str, str, str | None] | None:
    """(bucket, key, version) or None."""
    parts = urlsplit(url)
    version = parse_qs(parts.query).get("versionId", [None])[0]
    host, path = (parts.hostname or ""), unquote(parts.path.lstrip("/"))
    if parts.scheme == "s3":
        bucket, key = parts.netloc, path
    elif parts.scheme not in ("http", "https"):
        return None
    elif found := _IN_HOST.fullmatch(host):
        bucket, key = found["bucket"], path
    elif _IN_PATH.fullmatch(host) or not host.endswith(".amazonaws.com"):
        # What is no name of AWS's is this endpoint, by whatever name the caller reaches it.
        bucket, _, key = path.partition("/")
    else:
        return None
    return (bucket, key, version) if bucket and key else None


async def text_in_s3(invoke: Any, bucket: str, key: str, version: str | None = None) -> str:
    """The object's text, read as the caller. Raises ValidationError in S3's words."""
    request = {"Bucket": bucket, "Key": key}
    if version:
        request["VersionId"] = version
    try:
        answer = await invoke("s3", "GetObject", request)
    except AwsError as error:
        if error.status == 501:
            raise
        raise ValidationError(f"S3 error: {error.message}") from error
    data = await read_whole(answer.get("Body", b""), TEXT_BYTES)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValidationError(f"Template at s3://{bucket}/{key} is not UTF-8 text.") from None


async def read_whole(body: Any, limit_bytes: int) -> bytes:
    """A streaming member's bytes, in whichever form the operation gave them; at most `limit_bytes`."""
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body[:limit_bytes])
    if isinstance(body, FilePart):
        with open(body.path, "rb") as file:
            file.seek(body.offset)
            return file.read(min(body.length, limit_bytes))
    assert isinstance(body, AsyncIterator) or hasattr(body, "__aiter__"), f"no body: {type(body)}"
    data = bytearray()
    async for piece in body:
        data += piece
        if len(data) >= limit_bytes:
            break
    return bytes(data[:limit_bytes])
