"""The data files and manifests of an export: their lines and names of members.

Source: DynamoDB developer guide, "DynamoDB table export output format" (their members' names and order are AWS's) and
"Filtering a table export".
"""

import base64
import gzip
import hashlib
import io
from datetime import UTC, datetime

import orjson

from pileus.services.dynamodb.expressions import Bound, bind
from pileus.services.dynamodb.state import rows
from pileus.services.dynamodb.state.exports import Change, Export, ExportFile
from pileus.services.dynamodb.state.rows import Item
from pileus.services.dynamodb.values import ion

FILE_BYTES = 16 << 20
"""A file is closed when it holds so many bytes of rows: what a killed process writes again, and S3 gets at once."""
LEVEL = 6


class DataFile:
    """A file that is being written, compressed as it grows. Its methods may run in any thread, one at a time."""

    def __init__(self, export: Export) -> None:
        self.items = 0
        self.size_bytes = 0
        self.read_bytes = 0
        self._export = export
        self._chosen = filter_of(export.asked.filter)
        self._line = _ion_line if export.asked.format == "ION" else _json_line
        self._bytes = io.BytesIO()
        # Without a time and a name in it the same items give the same bytes, whenever they are written.
        self._gzip = gzip.GzipFile("", "wb", LEVEL, self._bytes, mtime=0)

    @property
    def is_full(self) -> bool:
        return self.read_bytes >= FILE_BYTES

    def add(self, changes: list[Change]) -> None:
        lines = []
        for change in changes:
            self.read_bytes += len(change.before) + len(change.then)
            before, then = _item(change.before), _item(change.then)
            if not self._is_chosen(then or before):
                continue
            document = self._document(change, before, then)
            lines.append(self._line(document))
            self.items += 1
            self.size_bytes += sum(rows.size_of(raw) for raw in (change.before, change.then) if raw)
        self._gzip.write(b"".join(lines))

    def finish(self) -> bytes:
        self._gzip.close()
        return self._bytes.getvalue()

    def _is_chosen(self, latest: Item) -> bool:
        """What an item is now decides, or what it was before it was deleted. A key condition was met by reading."""
        return self._chosen.filter is None or self._chosen.filter.holds(latest)

    def _shown(self, item: Item) -> Item:
        return item if self._chosen.projection is None else self._chosen.projection.of(item)

    def _document(self, change: Change, before: Item | None, then: Item | None) -> dict:
        asked = self._export.asked
        if not asked.is_incremental:
            return {"Item": self._shown(then)}
        image = then or before
        # What a projection leaves of a record isn't documented: the images are what holds attributes, so only they shrink.
        document = {
            "Metadata": {"WriteTimestampMicros": {"N": str(change.at_ms * 1000)}},
            "Keys": {name: image[name] for name in self._export.key_names},
        }
        if then is not None:
            document["NewImage"] = self._shown(then)
        if before is not None and asked.view != "NEW_IMAGE":
            document["OldImage"] = self._shown(before)
        return document


def md5_of(body: bytes) -> str:
    """As manifests and Content-MD5 have it."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def files_manifest(files: list[ExportFile]) -> bytes:
    """manifest-files.json: a line a data file."""
    return b"".join(
        orjson.dumps(
            {"itemCount": file.items, "md5Checksum": file.md5, "etag": file.etag, "dataFileS3Key": file.key},
            option=orjson.OPT_APPEND_NEWLINE,
        )
        for file in files
    )


def summary_manifest(export: Export, ended_at_ms: int) -> bytes:
    """manifest-summary.json."""
    asked = export.asked
    summary = {
        "version": "2023-08-01" if asked.is_incremental else "2020-06-30",
        "exportArn": export.arn,
        "startTime": _time(export.started_at_ms),
        "endTime": _time(ended_at_ms),
        "tableArn": export.table_arn,
        "tableId": export.table_uuid,
    }
    if asked.is_incremental:
        summary |= {"exportFromTime": _time(asked.from_ms), "exportToTime": _time(asked.until_ms)}
    else:
        summary |= {"exportTime": _time(asked.at_ms)}
    summary |= {
        "s3Bucket": asked.destination.bucket,
        "s3Prefix": asked.destination.prefix or None,
        "s3SseAlgorithm": asked.destination.sse_algorithm or "AES256",
        "s3SseKmsKeyId": asked.destination.kms_key or None,
        "manifestFilesS3Key": f"{export.folder}manifest-files.json",
        "billedSizeBytes": export.size_bytes,
        "itemCount": export.items,
        "outputFormat": asked.format,
    }
    if asked.is_incremental:
        summary["outputView"] = asked.view
    summary["exportType"] = asked.type or "FULL_EXPORT"
    return orjson.dumps(summary)


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _item(raw: bytes) -> Item | None:
    return rows.decode(raw)[0] if raw else None


def _json_line(document: dict) -> bytes:
    return orjson.dumps(document, default=_base64, option=orjson.OPT_APPEND_NEWLINE)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _ion_line(document: dict) -> bytes:
    if "Item" in document:
        return ion.line({"Item": ion.struct(document["Item"])}) + b"\n"
    return ion.line({"Record": {name: ion.struct(part) for name, part in document.items()}}) + b"\n"


def filter_of(asked: dict) -> Bound:
    """A FilterSpecification, {} for none. Raises ValidationException."""
    return bind(asked, "KeyConditionExpression", "FilterExpression", "ProjectionExpression")
