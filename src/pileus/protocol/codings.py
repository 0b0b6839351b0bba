"""Content codings: compressed requests, and answers compressed for those who accept it.

Source: RFC 9110, "Content-Encoding", "Accept-Encoding"; AWS SDKs and tools reference guide, "Request compression". What
is not well formed in an Accept-Encoding is read as recorded answers of DynamoDB show.
"""

import re
import zlib
from collections.abc import Sequence

from pileus.kernel.errors import AwsError
from pileus.kernel.http import HttpRequest, HttpResponse

from .refusals import SerializationException

INFLATED_LIMIT_BYTES = 64 << 20
"""A compressed request may grow to this much; AWS states no figure, CloudWatch's own limit is far below."""
_WBITS = {"gzip": 31, "deflate": 15}
_QUALITY = re.compile(r"q=\s*(-?\d*\.?\d*)\s*$")
_LEVEL = 1


class InternalServerError(AwsError):
    """What services that speak codings answer to a body that is not in the coding it claims."""

    status = 500
    text = "The request could not be decoded."


def inflated(body: bytes, coding: str = "gzip", limit_bytes: int = 0) -> bytes:
    """The body as it was before it was compressed: one zlib stream, or one or more of gzip's.

    errors   SerializationException
    """
    limit_bytes = limit_bytes or INFLATED_LIMIT_BYTES
    out = b""
    while True:
        inflater = zlib.decompressobj(wbits=_WBITS[coding])
        try:
            out += inflater.decompress(body, limit_bytes - len(out) + 1)
        except zlib.error as error:
            raise SerializationException("The request body is not valid gzip.") from error
        if inflater.unconsumed_tail or not inflater.eof or len(out) > limit_bytes:
            raise SerializationException("The request body is cut short, or too large once inflated.")
        body = inflater.unused_data
        if not body or coding != "gzip":
            return out


def decoded(body: bytes, coding: str, spoken: Sequence[str], limit_bytes: int) -> bytes:
    """A request's body, of a service that speaks these codings. Raises InternalServerError, as DynamoDB does."""
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return body
    if coding not in spoken:
        raise InternalServerError()
    try:
        return inflated(body, coding, limit_bytes)
    except SerializationException as error:
        raise InternalServerError() from error


def encode(request: HttpRequest, response: HttpResponse, spoken: Sequence[str], from_bytes: int) -> None:
    """Compress an answer that is large enough, where the request accepts it."""
    accepted = request.headers.get("accept-encoding")
    if accepted is None or type(response.body) is not bytes or len(response.body) < from_bytes:
        return
    coding = chosen(accepted, spoken)
    if coding is None:
        return
    deflater = zlib.compressobj(_LEVEL, wbits=_WBITS[coding])
    response.body = deflater.compress(response.body) + deflater.flush()
    response.headers.append(("Content-Encoding", coding))


def chosen(accepted: str, spoken: Sequence[str]) -> str | None:
    """The coding that Accept-Encoding likes best, of equals the first that it names; "*" is whatever it doesn't name."""
    named: dict[str, float] = {}
    for entry in accepted.split(","):
        name, *parameters = entry.split(";")
        name = name.strip().lower()
        if name and (name not in named or named[name] <= 0):
            named[name] = _quality(parameters)
    rest = named.get("*", 0.0)
    qualities = {name: quality for name, quality in named.items() if name in spoken}
    order = list(qualities) + [name for name in spoken if name not in qualities]
    best, best_quality = None, 0.0
    for name in order:
        quality = qualities.get(name, rest)
        if quality > best_quality:
            best, best_quality = name, quality
    return best


def _quality(parameters: list[str]) -> float:
    """The first quality that is one, at most 1; without any, 1."""
    for parameter in parameters:
        found = _QUALITY.search(parameter)
        if found is not None:
            try:
                return min(float(found[1]), 1.0)
            except ValueError:
                return 1.0
    return 1.0
