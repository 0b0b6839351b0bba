"""Listings: objects, versions, uploads, in the order of their keys' UTF-8 bytes.

A listing never scans what it does not show: common prefixes are skipped by seeking past them, delete markers and old
versions lie in another table, and what precedes the marker is not touched. Code points sort as UTF-8 bytes do, so
comparing Python's strings is right.

Source: user guide, "Organizing objects using prefixes"; API reference, ListObjectsV2, ListObjectVersions,
ListMultipartUploads.
"""

import heapq
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from pileus.services.s3.state import objects
from pileus.services.s3.state.records import OBJECTS, UPLOADS, VERSIONS, Upload, Version
from pileus.store.transaction import Transaction

R = TypeVar("R", Version, Upload)
LAST_CHARACTER = "\U0010ffff"


class Page(NamedTuple):
    """
    rows      what is listed one by one, in order
    prefixes  common prefixes, in order
    last      the last row or common prefix shown; the next page begins after it
    more      whether there is a next page
    """

    rows: list
    prefixes: list[str]
    last: Version | Upload | str | None
    more: bool


def _walk(
    seek: Callable[[str], Iterator[R]], first: Iterator[R], prefix: str, delimiter: str, limit: int, after: str
) -> Page:
    """
    seek   fn(key): the rows from that key on
    first  the rows to begin with
    after  a key or common prefix that was shown already: what it covers is not shown again
    """
    rows: list[R] = []
    prefixes: list[str] = []
    last: R | str | None = None
    walk = first
    shown = common_prefix(after, prefix, delimiter) if after and delimiter else None
    if shown is not None and after == shown:
        walk = seek(after + LAST_CHARACTER)
    while True:
        row = next(walk, None)
        if row is None or not row.key.startswith(prefix):
            if row is not None and row.key < prefix:
                walk = seek(prefix)
                continue
            return Page(rows, prefixes, last, False)
        common = common_prefix(row.key, prefix, delimiter) if delimiter else None
        if common is not None and shown is not None and common == shown and after == shown:
            continue  # a key of the last character there is: seeking could not pass it
        if common is not None and prefixes and prefixes[-1] == common:
            continue
        if len(rows) + len(prefixes) == limit:
            return Page(rows, prefixes, last, True)
        if common is None:
            rows.append(row)
            last = row
        else:
            prefixes.append(common)
            last = common
            walk = seek(common + LAST_CHARACTER)


def common_prefix(key: str, prefix: str, delimiter: str) -> str | None:
    """The part of `key` up to the first delimiter after `prefix`; None if it has none."""
    if not key.startswith(prefix):
        return None
    at = key.find(delimiter, len(prefix))
    return None if at < 0 else key[: at + len(delimiter)]


def list_objects(tx: Transaction, bucket_id: int, *, prefix: str, delimiter: str, after: str, limit: int) -> Page:
    """Current objects whose keys come after `after`."""
    if limit == 0:
        return Page([], [], None, False)

    def seek(key: str) -> Iterator[Version]:
        return OBJECTS.scan(tx, bucket_id, start=key)

    first = OBJECTS.scan(tx, bucket_id, after=after) if after and after >= prefix else seek(prefix)
    return _walk(seek, first, prefix, delimiter, limit, after)


def list_versions(
    tx: Transaction, bucket_id: int, *, prefix: str, delimiter: str, key_marker: str, version_marker: str, limit: int
) -> tuple[Page, set[tuple[str, int]]]:
    """Versions and delete markers, newest first within a key; and which of them are the latest of their key."""
    if limit == 0:
        return Page([], [], None, False), set()

    def seek(key: str) -> Iterator[Version]:
        return _merged(OBJECTS.scan(tx, bucket_id, start=key), VERSIONS.scan(tx, bucket_id, start=key))

    first, after = seek(prefix), key_marker
    if key_marker and key_marker >= prefix:
        order = _order_of_marker(tx, bucket_id, key_marker, version_marker) if version_marker else None
        if order is None:
            first = _merged(
                OBJECTS.scan(tx, bucket_id, after=key_marker), VERSIONS.scan(tx, bucket_id, after=key_marker)
            )
        else:
            first = _merged(
                OBJECTS.scan(tx, bucket_id, after=key_marker),
                VERSIONS.scan(tx, bucket_id, start=(key_marker, order + 1)),
            )
            after = ""  # the rest of this key is still to be shown
    page = _walk(seek, first, prefix, delimiter, limit, after)
    return page, {(row.key, row.order) for row in page.rows if objects.is_latest(tx, row)}


def _merged(*scans: Iterator[Version]) -> Iterator[Version]:
    return heapq.merge(*scans, key=lambda version: (version.key, version.order))


def _order_of_marker(tx: Transaction, bucket_id: int, key: str, version_id: str) -> int | None:
    for version in (OBJECTS.get(tx, bucket_id, key), VERSIONS.null.first(tx, bucket_id, key)):
        if version is not None and version.version_id == version_id:
            return version.order
    return objects.order_of(version_id)


def list_uploads(
    tx: Transaction, bucket_id: int, *, prefix: str, delimiter: str, key_marker: str, upload_marker: str, limit: int
) -> Page:
    """Uploads in progress by key, and by their beginning within a key."""
    if limit == 0:
        return Page([], [], None, False)

    def seek(key: str) -> Iterator[Upload]:
        return UPLOADS.scan(tx, bucket_id, start=key)

    first, after = seek(prefix), key_marker
    if key_marker and key_marker >= prefix:
        if upload_marker:
            first, after = UPLOADS.scan(tx, bucket_id, after=(key_marker, upload_marker)), ""
        else:
            first = UPLOADS.scan(tx, bucket_id, after=key_marker)
    return _walk(seek, first, prefix, delimiter, limit, after)
