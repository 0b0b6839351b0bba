"""Text <-> values: timestamps, numbers, booleans and blobs, as headers, query strings, XML and JSON spell them."""

import base64
import binascii
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HTTP_DATE = re.compile(
    r"(?:\w{3}, )?(\d{1,2})[ -](\w{3})[ -](\d{4}) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))? (?:GMT|UTC|\+0000)"
)
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,18})?([eE][+-]?\d{1,2})?")
_INTEGER = re.compile(r"[+-]?\d{1,19}")


def moment(seconds: float) -> datetime:
    """Seconds since the epoch as an aware UTC datetime. Raises ValueError outside the years 1 to 9999."""
    try:
        return EPOCH + timedelta(seconds=seconds)
    except (OverflowError, ValueError) as error:
        raise ValueError(f"{seconds} is no time") from error


def read_timestamp(text: str) -> datetime:
    """A timestamp in any of AWS's three spellings; services accept each of them in every place."""
    if _NUMBER.fullmatch(text):
        return moment(float(text))
    if found := _HTTP_DATE.fullmatch(text):
        day, month, year, hour, minute, second, fraction = found.groups()
        micros = int((fraction or "0").ljust(6, "0"))
        return datetime(
            int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), micros, tzinfo=UTC
        )
    value = datetime.fromisoformat(text)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _as_moment(value: datetime | float) -> datetime:
    if isinstance(value, datetime):
        if value.tzinfo is UTC:
            return value
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    return moment(value)


def epoch_seconds(value: datetime | float) -> int | float:
    """Whole seconds as an int, others with milliseconds, as AWS prints them."""
    if not isinstance(value, datetime):
        return value
    micros = (_as_moment(value) - EPOCH) // timedelta(microseconds=1)
    seconds, rest = divmod(micros, 1_000_000)
    return seconds if rest == 0 else round(micros / 1_000_000, 3 if rest % 1000 == 0 else 6)


def iso8601(value: datetime | float) -> str:
    """2026-11-23T19:05:54Z, with milliseconds where there are any."""
    when = _as_moment(value)
    micros = when.microsecond
    precision = "seconds" if not micros else "microseconds" if micros % 1000 else "milliseconds"
    return when.isoformat(timespec=precision)[:-6] + "Z"  # for "+00:00"


def http_date(value: datetime | float) -> str:
    """Mon, 23 Nov 2026 19:05:54 GMT, in English whatever the locale."""
    when = _as_moment(value)
    fraction = f".{when.microsecond // 1000:03d}" if when.microsecond else ""
    return (
        f"{_DAYS[when.weekday()]}, {when.day:02d} {_MONTHS[when.month - 1]} {when.year:04d} "
        f"{when.hour:02d}:{when.minute:02d}:{when.second:02d}{fraction} GMT"
    )


def whole_second_http_date(value: datetime | float) -> str:
    """As headers have it (Last-Modified): HTTP dates know no fractions."""
    return http_date(_as_moment(value).replace(microsecond=0))


def _epoch_text(value: datetime | float) -> str:
    return str(epoch_seconds(value))


TIMESTAMP_WRITERS: dict[str, Callable[[datetime | float], str]] = {
    "iso8601": iso8601,
    "rfc822": whole_second_http_date,
    "unixTimestamp": _epoch_text,
}
TIMESTAMP_WRITERS_IN_BODY = {**TIMESTAMP_WRITERS, "rfc822": http_date}


def read_boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered == "true":
        return True
    if lowered == "false":
        return False
    raise ValueError(f"{text!r} is neither true nor false")


def write_boolean(value: bool) -> str:
    return "true" if value else "false"


def read_integer(text: str) -> int:
    if not _INTEGER.fullmatch(text.strip()):
        raise ValueError(f"{text[:100]!r} is no integer")
    return int(text)


def read_float(text: str) -> float:
    if text in ("NaN", "Infinity", "-Infinity"):
        return float(text)
    value = float(text)
    if not math.isfinite(value) or "_" in text:
        raise ValueError(f"{text[:100]!r} is no number")
    return value


def write_float(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def read_blob(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        # Line breaks are fine, other characters that are not base64's are not.
        return base64.b64decode("".join(text.split()), validate=True)


def write_blob(value: bytes | str) -> str:
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()


def _same(text: str) -> str:
    return text


TEXT_READERS: dict[str, Callable[[str], object]] = {
    "string": _same,
    "character": _same,
    "boolean": read_boolean,
    "integer": read_integer,
    "long": read_integer,
    "short": read_integer,
    "byte": read_integer,
    "bigdecimal": read_float,
    "biginteger": read_integer,
    "float": read_float,
    "double": read_float,
    "timestamp": read_timestamp,
    "blob": read_blob,
}
TEXT_WRITERS: dict[str, Callable[[object], str]] = {
    "string": str,
    "character": str,
    "boolean": write_boolean,
    "integer": str,
    "long": str,
    "short": str,
    "byte": str,
    "bigdecimal": write_float,
    "biginteger": str,
    "float": write_float,
    "double": write_float,
    "blob": write_blob,
}
