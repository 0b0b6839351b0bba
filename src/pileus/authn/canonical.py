"""The canonical request: what both sides hash and sign.

Source: IAM user guide, "Create a signed AWS API request"; S3 API reference, "Signature Calculations for the
Authorization Header" for what S3 does otherwise: its path is encoded once and not normalized.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote

_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)*/?")
"""A path that is its own canonical form, for every service: no dots to resolve, nothing to encode."""
_TO_ENCODE_IN_PATH = re.compile(r"%([0-9A-Fa-f]{2})|[^A-Za-z0-9/_.~-]")
_TO_ENCODE_IN_QUERY = re.compile(r"%([0-9A-Fa-f]{2})|[^A-Za-z0-9_.~-]")
_BLANKS = re.compile(r"[ \t]+")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")


def _encoded(match: re.Match[str]) -> str:
    """One character as RFC 3986 wants it, whether it came as an escape or bare. %2F stays %2F."""
    if match[1] is not None:
        character = chr(int(match[1], 16))
        return character if character in _UNRESERVED else f"%{match[1].upper()}"
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogateescape"))


def canonical_path(path: str, is_s3: bool) -> str:
    if path in ("", "/"):
        return "/"
    if _PLAIN_PATH.fullmatch(path):
        return path
    if is_s3:
        return _TO_ENCODE_IN_PATH.sub(_encoded, path)
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment and segment != ".":
            kept.append(segment)
    # Encoded a second time: what came as %20 is signed as %2520.
    normalized = "/" + "/".join(kept) + ("/" if kept and path.endswith("/") else "")
    return quote(normalized, safe="/~")


def canonical_query(query: str, without: str | None = None) -> str:
    """Sorted by encoded name, then value. `without` is the parameter that holds the signature itself."""
    if not query:
        return ""
    pairs: list[tuple[str, str]] = []
    for pair in query.split("&"):
        if not pair:
            continue
        name, _, value = pair.partition("=")
        name = _TO_ENCODE_IN_QUERY.sub(_encoded, name.replace("+", "%20"))
        if name != without:
            pairs.append((name, _TO_ENCODE_IN_QUERY.sub(_encoded, value.replace("+", "%20"))))
    pairs.sort()
    return "&".join([f"{name}={value}" for name, value in pairs])


@lru_cache(maxsize=1024)
def split_header_names(text: str) -> tuple[str, ...]:
    """SignedHeaders as a tuple. A client sends the same few lists for ever."""
    return tuple(text.split(";"))


def canonical_request(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    signed_headers: tuple[str, ...],
    payload_hash: str,
) -> str:
    """`path` and `query` are canonical already. Header values lose outer and doubled blanks."""
    lines = ""
    for name in signed_headers:
        lines += f"{name}:{headers.get(name, '')}\n"
    # Few have any: looked for in all at once, and most have no blank at all.
    if (" " in lines or "\t" in lines) and ("  " in lines or "\t" in lines or ": " in lines or " \n" in lines):
        lines = ""
        for name in signed_headers:
            # Blanks and tabs alone: the bytes of UTF-8 look like other spaces where they are read as Latin-1.
            lines += f"{name}:{_BLANKS.sub(' ', headers.get(name, '')).strip(' ')}\n"
    return f"{method}\n{path}\n{query}\n{lines}\n{';'.join(signed_headers)}\n{payload_hash}"


def header_bytes(text: str) -> bytes:
    """Header values come from the server as Latin-1, which is what gives back the bytes that were sent."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")
