"""multipart/form-data as browsers send it: the fields, then the file, which streams.

Source: RFC 7578 and 2046; S3 API reference, "POST Object" ("the file or content must be the last field in the form").
"""

import re
from collections.abc import AsyncIterator
from typing import NamedTuple

from pileus.kernel.http import Body, BodyTooLarge
from pileus.services.s3 import errors

MAX_FIELDS_BYTES = 20 * 1024
"""Of everything before the file. API reference, "POST Object": the form, less the file's content, within 20 KB."""

_BOUNDARY = re.compile(
    r'multipart/form-data\s*;.*?\bboundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE | re.DOTALL
)
_NAME = re.compile(r';\s*name="([^"]*)"|;\s*name=([^\s;"]+)', re.IGNORECASE)
_FILE_NAME = re.compile(r';\s*filename="([^"]*)"', re.IGNORECASE)


class Form(NamedTuple):
    """Names of fields are in lower case, for S3 does not tell cases apart. `file` is read once, and to its end."""

    fields: dict[str, str]
    file_name: str
    file: "File"


def is_form(content_type: str) -> bool:
    return content_type.strip().lower().startswith("multipart/form-data")


async def read_form(content_type: str, body: Body) -> Form:
    """The fields before the file; those behind it are not heeded, as S3 does not either.

    errors   MalformedPOSTRequest, MaxPostPreDataLengthExceeded, InvalidArgument (no file)
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise errors.MalformedPOSTRequest()
    parts = _Parts(body, (found[1] or found[2]).encode("latin-1"))
    fields: dict[str, str] = {}
    while True:
        header = await parts.next_header()
        if header is None:
            raise errors.InvalidArgument(
                "POST requires exactly one file upload per request.", ArgumentName="file", ArgumentValue="0"
            )
        name = _NAME.search(header)
        if name is None:
            raise errors.MalformedPOSTRequest()
        lower = (name[1] or name[2] or "").lower()
        if lower == "file":
            file_name = _FILE_NAME.search(header)
            return Form(fields, _bare(file_name[1] if file_name else ""), File(parts))
        fields[lower] = await parts.value()


def _bare(path: str) -> str:
    """Some browsers send the whole path: what follows its last slash or backslash is the name."""
    return re.split(r"[/\\]", path)[-1]


class _Parts:
    """The stream cut at its boundaries."""

    def __init__(self, body: Body, boundary: bytes) -> None:
        self._pieces = aiter(body)
        self._delimiter = b"\r\n--" + boundary
        self._buffer = b"\r\n"  # so that the first boundary is like the others
        self._read_bytes = 0
        self._is_begun = False

    async def next_header(self) -> str | None:
        """The header of the next part, or None after the last one."""
        if not self._is_begun:
            self._is_begun = True
            await self._until(self._delimiter)
        while len(self._buffer) < 2:
            await self._more()
        if self._buffer.startswith(b"--"):
            return None
        # From the boundary's line end on, so that the blank line is found where there is no header.
        return _text(await self._until(b"\r\n\r\n"))

    async def value(self) -> str:
        return _text(await self._until(self._delimiter))

    async def _until(self, mark: bytes) -> bytes:
        """Of what comes before the file: up to `mark`, and past it."""
        while (end := self._buffer.find(mark)) < 0:
            if self._read_bytes + len(self._buffer) > MAX_FIELDS_BYTES:
                raise errors.MaxPostPreDataLengthExceeded()
            await self._more()
        found, self._buffer = self._buffer[:end], self._buffer[end + len(mark) :]
        self._read_bytes += end + len(mark)
        if self._read_bytes > MAX_FIELDS_BYTES:
            raise errors.MaxPostPreDataLengthExceeded()
        return found

    async def _more(self) -> None:
        piece = await anext(self._pieces, b"")
        if not piece:
            raise errors.MalformedPOSTRequest()
        self._buffer += piece

    async def rest(self) -> AsyncIterator[bytes]:
        """The file: up to the next boundary, in pieces as they come."""
        held = len(self._delimiter) - 1  # may be the beginning of a boundary
        while (end := self._buffer.find(self._delimiter)) < 0:
            if len(self._buffer) > held:
                yield self._buffer[:-held]
                self._buffer = self._buffer[-held:]
            await self._more()
        if end:
            yield self._buffer[:end]
        await self._drain(len(self._buffer) - end)

    async def _drain(self, seen_bytes: int) -> None:
        """What follows the file is not heeded, but it must not be more than a form's end."""
        while seen_bytes <= MAX_FIELDS_BYTES:
            piece = await anext(self._pieces, b"")
            if not piece:
                return
            seen_bytes += len(piece)
        raise errors.MalformedPOSTRequest()


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise errors.MalformedPOSTRequest() from None


class File(Body):
    """The file's content, held to the sizes that a policy allows.

    errors   EntityTooLarge as soon as it is, EntityTooSmall, MalformedPOSTRequest (it has no end)
    """

    def __init__(self, parts: _Parts) -> None:
        self._parts = parts
        self.min_bytes = 0
        self.max_bytes: int | None = None

    async def read(self, limit_bytes: int) -> bytes:
        pieces, total = [], 0
        async for piece in self:
            total += len(piece)
            if total > limit_bytes:
                raise BodyTooLarge(limit_bytes)
            pieces.append(piece)
        return b"".join(pieces)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        total = 0
        async for piece in self._parts.rest():
            total += len(piece)
            if self.max_bytes is not None and total > self.max_bytes:
                raise errors.EntityTooLarge(ProposedSize=total, MaxSizeAllowed=self.max_bytes)
            yield piece
        if total < self.min_bytes:
            raise errors.EntityTooSmall(ProposedSize=total, MinSizeAllowed=self.min_bytes)
