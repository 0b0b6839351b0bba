"""HTTP bindings of the REST protocols: members in the path, query string, headers and status; payloads.

Source: Smithy 2.0 specification, "HTTP bindings".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import orjson

from pileus.kernel.http import HttpRequest

from . import scalars
from .refusals import SerializationException, UnknownOperation
from .shapes import Ref, Shape

if TYPE_CHECKING:
    from .models import Operation

_QUOTED_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*))\s*(?:,|$)')
_DATE_ITEM = re.compile(r"\s*(\w{3}, [^,]+|[^,]+)\s*(?:,|$)")
_DEFAULT_TIMESTAMP = {"header": "rfc822", "headers": "rfc822", "querystring": "iso8601", "uri": "iso8601"}

Turn = Callable[[str], object]


def _refusing(turn: Turn, name: str) -> Turn:
    def read(text: str) -> object:
        try:
            return turn(text)
        except (ValueError, IndexError) as error:
            raise SerializationException(f"The value of {name} can not be read: {error}") from error

    return read


def text_reader(ref: Ref, shapes: dict[str, Shape]) -> Turn:
    shape = shapes[ref.shape]
    if ref.jsonvalue:
        return _refusing(lambda text: scalars.read_blob(text).decode(), ref.locationName or ref.shape)
    turn = scalars.TEXT_READERS[shape.type]
    return turn if shape.type in ("string", "character") else _refusing(turn, ref.locationName or ref.shape)


def text_writer(ref: Ref, shapes: dict[str, Shape], place: str) -> Callable[[object], str]:
    shape = shapes[ref.shape]
    if ref.jsonvalue:
        return lambda value: scalars.write_blob(value if isinstance(value, str) else orjson.dumps(value))
    if shape.type == "timestamp":
        return scalars.TIMESTAMP_WRITERS[ref.timestampFormat or shape.timestampFormat or _DEFAULT_TIMESTAMP[place]]
    return scalars.TEXT_WRITERS[shape.type]


def _header_reader(ref: Ref, shapes: dict[str, Shape]) -> Turn:
    shape = shapes[ref.shape]
    if shape.type != "list":
        return text_reader(ref, shapes)
    turn = text_reader(shape.member, shapes)
    splits = _split_dates if shapes[shape.member.shape].type == "timestamp" else _split_items
    return lambda text: [turn(item) for item in splits(text)]


def _split_items(text: str) -> list[str]:
    items: list[str] = []
    at = 0
    while at < len(text):
        found = _QUOTED_ITEM.match(text, at)
        if found is None:
            raise SerializationException("A header's list is not well-formed.")
        quoted, bare = found.groups()
        items.append(re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare.strip())
        at = found.end()
    return items


def _split_dates(text: str) -> list[str]:
    return [item.strip() for item in _DATE_ITEM.findall(text) if item.strip()]


def bindings_reader(op: Operation, shapes: dict[str, Shape]) -> Callable[[HttpRequest, dict | None, dict], None]:
    """A function that puts into its third argument what travels outside the body."""
    members = {} if op.input is None else shapes[op.input.shape].members
    path = [
        (name, ref.locationName or name, text_reader(ref, shapes))
        for name, ref in members.items()
        if ref.location == "uri"
    ]
    read_headers = _headers_reader(members, shapes)
    read_query = _query_reader(op, members, shapes)

    def read(request: HttpRequest, labels: dict[str, str] | None, out: dict) -> None:
        if path:
            if labels is None:
                found = op.api.routes.match(request.method, request.path, request.query, request.headers)
                if found is None:
                    raise UnknownOperation(f"The path is none of {op.name}.")
                labels = found.labels
            for name, label, turn in path:
                if label in labels:
                    out[name] = turn(labels[label])
        if read_query is not None and request.query:
            read_query(request.query, out)
        if read_headers is not None:
            read_headers(request.headers, out)

    return read


def _headers_reader(members: dict[str, Ref], shapes: dict[str, Shape]) -> Callable[[Mapping, dict], None] | None:
    single = {
        (ref.locationName or name).lower(): (name, _header_reader(ref, shapes))
        for name, ref in members.items()
        if ref.location == "header"
    }
    prefixed = [((ref.locationName or "").lower(), name) for name, ref in members.items() if ref.location == "headers"]
    if not single and not prefixed:
        return None

    def read(headers: Mapping[str, str], out: dict) -> None:
        for header, text in headers.items():
            slot = single.get(header)
            if slot is not None:
                out[slot[0]] = slot[1](text)
            for prefix, name in prefixed:
                if header.startswith(prefix):
                    out.setdefault(name, {})[header[len(prefix) :]] = text

    return read


def _query_reader(
    op: Operation, members: dict[str, Ref], shapes: dict[str, Shape]
) -> Callable[[str, dict], None] | None:
    """A map bound to the query string takes all parameters but the literals of the path, as Smithy's servers do."""
    single: dict[str, tuple[str, bool, Turn]] = {}
    rest: tuple[str, bool] | None = None
    for name, ref in members.items():
        if ref.location != "querystring":
            continue
        shape = shapes[ref.shape]
        if shape.type == "map":
            rest = (name, shapes[shape.value.shape].type == "list")
        else:
            element = shape.member if shape.type == "list" else ref
            single[ref.locationName or name] = (name, shape.type == "list", text_reader(element, shapes))
    literals = {key for key, _ in parse_qsl(op.request_uri.partition("?")[2], keep_blank_values=True)}
    if not single and rest is None:
        return None

    def read(query: str, out: dict) -> None:
        for key, text in parse_qsl(query, keep_blank_values=True):
            slot = single.get(key)
            if slot is not None:
                name, is_list, turn = slot
                if is_list:
                    out.setdefault(name, []).append(turn(text))
                else:
                    out[name] = turn(text)
            if rest is not None and key not in literals:
                values = out.setdefault(rest[0], {})
                if rest[1]:
                    values.setdefault(key, []).append(text)
                else:
                    values.setdefault(key, text)

    return read


def headers_writer(shape: Shape, shapes: dict[str, Shape]) -> Callable[[dict, list[tuple[str, str]]], None]:
    """A function that appends the headers of a result or an error. Line breaks can't end a header early."""
    single = {
        name: (ref.locationName or name, _header_writer(ref, shapes))
        for name, ref in shape.members.items()
        if ref.location == "header"
    }
    prefixed = {name: ref.locationName or "" for name, ref in shape.members.items() if ref.location == "headers"}

    def write(result: dict, headers: list[tuple[str, str]]) -> None:
        for name, value in result.items():
            if value is None:
                continue
            slot = single.get(name)
            if slot is not None:
                headers.append((slot[0], _one_line(slot[1](value))))
            elif name in prefixed:
                headers += [(prefixed[name] + key, _one_line(str(text))) for key, text in value.items()]

    return write


def _one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ") if "\n" in text or "\r" in text else text


def _header_writer(ref: Ref, shapes: dict[str, Shape]) -> Callable[[object], str]:
    shape = shapes[ref.shape]
    if shape.type != "list":
        return text_writer(ref, shapes, "header")
    turn = text_writer(shape.member, shapes, "header")
    quotes = shapes[shape.member.shape].type == "string"

    def write(values: list) -> str:
        return ", ".join(_quoted(turn(value)) if quotes else turn(value) for value in values if value is not None)

    return write


def _quoted(text: str) -> str:
    if "," in text or '"' in text:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


def status_member(shape: Shape) -> str | None:
    return next((name for name, ref in shape.members.items() if ref.location == "statusCode"), None)


def is_streaming(ref: Ref, shapes: dict[str, Shape]) -> bool:
    return ref.streaming or shapes[ref.shape].streaming
