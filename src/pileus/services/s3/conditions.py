"""Conditional requests: If-Match and its kin, on reads, on copies' sources and on writes.

Source: RFC 9110, section 13.2.2 (precedence); S3 API reference, GetObject, CopyObject; user guide, "Add preconditions
to S3 operations with conditional requests".
"""

from datetime import datetime
from typing import NamedTuple

from pileus.protocol.scalars import whole_second_http_date
from pileus.services.s3 import errors
from pileus.services.s3.state.records import Version

_READING = frozenset({"IfMatch", "IfNoneMatch", "IfModifiedSince", "IfUnmodifiedSince"})
_WRITING = frozenset({"IfMatch", "IfNoneMatch", "IfMatchSize", "IfMatchLastModifiedTime"})


def etag_matches(header: str, etag: str) -> bool:
    """`header` is "*", an entity tag or a list of them, quoted or not."""
    for candidate in header.split(","):
        candidate = candidate.strip().removeprefix("W/").strip('"')
        if candidate in ("*", etag):
            return True
    return False


class ReadConditions(NamedTuple):
    """Times are whole seconds: that is what HTTP dates carry and Last-Modified shows."""

    if_match: str | None
    if_none_match: str | None
    if_modified_since: datetime | None
    if_unmodified_since: datetime | None

    def check(self, version: Version, *, is_copy: bool = False) -> None:
        """Return if the version may be handed out. Raises PreconditionFailed, or NotModified (412 for a copy)."""
        failed = self._failed(version)
        if failed is None:
            return
        if failed in ("If-Match", "If-Unmodified-Since") or is_copy:
            prefix = "x-amz-copy-source-" if is_copy else ""
            raise errors.PreconditionFailed(Condition=prefix + failed)
        raise errors.NotModified(headers=_validators(version))

    def _failed(self, version: Version) -> str | None:
        modified_s = version.modified_at_ms // 1000
        if self.if_match is not None:
            if not etag_matches(self.if_match, version.etag):
                return "If-Match"
        elif self.if_unmodified_since is not None and modified_s > self.if_unmodified_since.timestamp():
            return "If-Unmodified-Since"
        if self.if_none_match is not None:
            if etag_matches(self.if_none_match, version.etag):
                return "If-None-Match"
        elif self.if_modified_since is not None and modified_s <= self.if_modified_since.timestamp():
            return "If-Modified-Since"
        return None


def read_conditions(request: dict, prefix: str = "") -> ReadConditions | None:
    """`prefix` is "CopySource" for those on the source of a copy. None where there are none, the usual case."""
    if not prefix and _READING.isdisjoint(request):
        return None
    found = ReadConditions(
        request.get(prefix + "IfMatch"),
        request.get(prefix + "IfNoneMatch"),
        request.get(prefix + "IfModifiedSince"),
        request.get(prefix + "IfUnmodifiedSince"),
    )
    return None if found == (None, None, None, None) else found


class WriteConditions(NamedTuple):
    """If-None-Match: * writes only what is not there; If-Match only over the version that the caller knows."""

    if_match: str | None
    if_none_match: str | None
    size: int | None = None
    modified: datetime | None = None

    def check(self, current: Version | None) -> None:
        """`current` is None where there is no object, also behind a delete marker."""
        if current is not None and current.is_delete_marker:
            current = None
        if self.if_none_match is not None and current is not None:
            raise errors.PreconditionFailed(Condition="If-None-Match")
        if self.if_match is not None:
            if current is None:
                raise errors.NoSuchKey()
            if not etag_matches(self.if_match, current.etag):
                raise errors.PreconditionFailed(Condition="If-Match")
        if current is not None and self.size is not None and current.size != self.size:
            raise errors.PreconditionFailed(Condition="x-amz-if-match-size")
        changed_s = None if current is None or self.modified is None else current.modified_at_ms // 1000
        if changed_s is not None and changed_s != int(self.modified.timestamp()):
            raise errors.PreconditionFailed(Condition="x-amz-if-match-last-modified-time")


def write_conditions(request: dict) -> WriteConditions | None:
    if _WRITING.isdisjoint(request):
        return None
    found = WriteConditions(
        request.get("IfMatch"),
        request.get("IfNoneMatch"),
        request.get("IfMatchSize"),
        request.get("IfMatchLastModifiedTime"),
    )
    if found == (None, None, None, None):
        return None
    if found.if_none_match not in (None, "*"):
        raise errors.S3Error(
            "A header you provided implies functionality that is not implemented",
            code="NotImplemented",
            status=501,
            Header="If-None-Match",
        )
    return found


def _validators(version: Version) -> tuple[tuple[str, str], ...]:
    """A 304 carries what the cache needs to go on (RFC 9110, 15.4.5)."""
    return (
        ("ETag", f'"{version.etag}"'),
        ("Last-Modified", whole_second_http_date(version.modified_at_ms / 1000)),
    )
