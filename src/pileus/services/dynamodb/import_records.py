"""Reading the objects of an import: bytes, decompressed, cut into records, made items.

Everything here runs in a thread and in bounded memory: a record is a line (of CSV, one with the line ends that quotes
hold), and no line may be longer than an item can be. A record that is no item is skipped and counted; a line that can't
be parsed ends its object, as on AWS.

Source: DynamoDB developer guide, "Amazon S3 import formats for DynamoDB", "Import format quotas and validation".
"""

import csv
import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator

import orjson

from pileus.kernel.errors import AwsError
from pileus.services.dynamodb.state import items, rows
from pileus.services.dynamodb.state.imports import Batch, Valid
from pileus.services.dynamodb.state.records import TableRecord
from pileus.services.dynamodb.state.rows import Item
from pileus.services.dynamodb.values import ion

BUFFER_BYTES = 256 << 10
LINE_BYTES_MAX = 16 << 20
"""An item of 400 KB takes no more in any format, however it is escaped."""
BATCH_RECORDS, BATCH_BYTES = 250, 512 << 10
MESSAGE_MAX = 1000
"""Characters of an error that is logged: some quote what they are about."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
ZSTD_WINDOW_BYTES_MAX = 128 << 20


class Malformed(Exception):
    """The object can't be read, from here on."""


class NotAnItem(Exception):
    """A record that can't be imported."""


class ObjectReader:
    """One object's records, in batches.

    pull     gives the object's next bytes, b"" at its end; called from the thread that reads
    asked    InputFormat, InputCompressionType, InputFormatOptions
    skip     so many records were taken before
    """

    def __init__(self, pull: Callable[[], bytes], asked: dict, table: TableRecord, skip: int) -> None:
        self._table = table
        self._index = skip
        self._skip = skip
        self._read_bytes = 0
        self._records = self._lines(pull, asked)
        self._is_csv = asked["InputFormat"] == "CSV"
        self._options = (asked.get("InputFormatOptions") or {}).get("Csv") or {}
        self._parse = {"CSV": self._csv_item, "DYNAMODB_JSON": _json_item, "ION": _ion_item}[asked["InputFormat"]]
        self._header: list[str] = self._options.get("HeaderList") or []

    def next_batch(self) -> Batch:
        valid: list[Valid] = []
        failures: list[tuple[int, str]] = []
        begin, is_end = self._index, False
        self._pass_over()
        begin_bytes = self._read_bytes
        while not is_end and self._index - begin < BATCH_RECORDS and self._read_bytes - begin_bytes < BATCH_BYTES:
            try:
                line = next(self._records, None)
            except Malformed as error:
                line = error
            if line is None:
                is_end = True
                continue
            try:
                valid.append(self._valid(line))
            except NotAnItem as error:
                failures.append((self._index, str(error)[:MESSAGE_MAX]))
            except Malformed as error:
                failures.append((self._index, str(error)[:MESSAGE_MAX]))
                is_end = True
            self._index += 1
        return Batch(valid, failures, self._index - begin, self._read_bytes - begin_bytes, is_end)

    def _pass_over(self) -> None:
        """Skip what was taken before."""
        for _ in range(self._skip):
            next(self._records, None)
        self._skip = 0

    def _valid(self, line: bytes | Malformed) -> Valid:
        if isinstance(line, Malformed):
            raise line
        try:
            put = items.put_of(self._parse(line))
            items.check(self._table, put)
            return Valid(rows.suffix_of(self._table, put.item), put.item, put.item_bytes)
        except AwsError as error:
            raise NotAnItem(error.message) from error
        except ion.NotIon as error:
            raise NotAnItem(str(error)) from error
        except RecursionError as error:
            raise NotAnItem("Nesting Levels have exceeded supported limits") from error

    def _lines(self, pull: Callable[[], bytes], asked: dict) -> Iterator[bytes]:
        """The records as they stand, without the header and blank lines."""
        stream = io.BufferedReader(_decompressed(pull, asked.get("InputCompressionType") or "NONE"), BUFFER_BYTES)
        is_first = True
        while line := self._line(stream):
            if is_first:
                is_first = False
                line = line.removeprefix(BYTE_ORDER_MARK)
            if self._is_csv:
                line = self._whole_record(line, stream)
            line = line.rstrip(b"\r\n") if self._is_csv else line.strip()
            if not line:
                continue
            if self._is_csv and not self._header:
                self._header = self._cells(line)
                continue
            yield line

    def _whole_record(self, line: bytes, stream: io.BufferedReader) -> bytes:
        """A line of CSV, and those that follow within its quotes: these are doubled where they are text, so an odd
        number of them says that the line end belongs to the value."""
        parts, size_bytes, quotes = [line], len(line), line.count(b'"')
        while quotes % 2 and (more := self._line(stream)):
            parts.append(more)
            size_bytes += len(more)
            quotes += more.count(b'"')
            _check_length(size_bytes)
        return b"".join(parts)

    def _line(self, stream: io.BufferedReader) -> bytes:
        try:
            line = stream.readline(LINE_BYTES_MAX + 1)
        except _undecodable() as error:
            raise Malformed(f"The object can't be decompressed: {error}") from error
        self._read_bytes += len(line)
        _check_length(len(line))
        return line

    def _csv_item(self, line: bytes) -> Item:
        cells = self._cells(line)
        if len(cells) != len(self._header):
            raise NotAnItem(f"The record has {len(cells)} columns, and the header {len(self._header)}")
        types = self._table.attribute_types
        return {name: {types.get(name, "S"): cell} for name, cell in zip(self._header, cells, strict=True)}

    def _cells(self, line: bytes) -> list[str]:
        delimiter = self._options.get("Delimiter") or ","
        try:
            # Rows, not lines: a value may have line ends.
            found = list(csv.reader(io.StringIO(line.decode(), newline=""), delimiter=delimiter, strict=True))
        except (csv.Error, UnicodeDecodeError) as error:
            raise Malformed(f"The record is no CSV: {error}") from error
        return found[0] if found else []


class _Pulled(io.RawIOBase):
    """The object's bytes as a file."""

    def __init__(self, pull: Callable[[], bytes]) -> None:
        self._pull = pull
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[override]
        if not self._left:
            self._left = memoryview(self._pull())
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def _decompressed(pull: Callable[[], bytes], compression: str) -> io.RawIOBase:
    raw = _Pulled(pull)
    if compression == "GZIP":
        return gzip.GzipFile(fileobj=io.BufferedReader(raw, BUFFER_BYTES), mode="rb")  # type: ignore[return-value]
    if compression == "ZSTD":
        import zstandard  # loaded by those who need it alone

        decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES_MAX)
        return decompressor.stream_reader(raw, read_across_frames=True)  # type: ignore[return-value]
    return raw


def _check_length(size_bytes: int) -> None:
    if size_bytes > LINE_BYTES_MAX:
        raise Malformed(f"A record is longer than {LINE_BYTES_MAX} bytes")


def _undecodable() -> tuple[type[Exception], ...]:
    """What decompressors raise; zstandard's, where it is loaded."""
    module = sys.modules.get("zstandard")
    found = (gzip.BadGzipFile, EOFError, zlib.error)
    return found if module is None else (*found, module.ZstdError)


def _json_item(line: bytes) -> Item:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"The record is no JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("Item"), dict):
        raise NotAnItem("The record has no Item")
    return document["Item"]


def _ion_item(line: bytes) -> Item:
    try:
        document = ion.read_line(line)
    except ion.NotIon as error:
        raise Malformed(f"The record is no Ion: {error}") from error
    if "Item" not in document:
        raise NotAnItem("The record has no Item")
    return ion.item(document["Item"])
