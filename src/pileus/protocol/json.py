"""The AWS JSON protocols 1.0 and 1.1, and the JSON bodies that rest-json shares.

Source: Smithy 2.0 specification, "AWS JSON 1.0 protocol" and "AWS JSON 1.1 protocol".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import orjson

from pileus.kernel.http import HttpRequest, HttpResponse

from . import scalars
from .refusals import SerializationException, mismatch
from .shapes import Ref, Shape
from .trees import Mapper

if TYPE_CHECKING:
    from .models import Api, Operation

PROTOCOL = "json"


def _read_leaf(ref: Ref, shape: Shape) -> Callable | None:
    if shape.type == "blob":
        return _read_blob
    if shape.type == "timestamp":
        return _read_timestamp
    if shape.type in ("float", "double"):
        return _read_float
    return None


def _read_blob(value: object) -> bytes:
    if not isinstance(value, str):
        raise mismatch(value, "Blob")
    try:
        return scalars.read_blob(value)
    except ValueError as error:
        raise SerializationException("The blob is not valid base64.") from error


def _read_timestamp(value: object) -> datetime:
    try:
        if isinstance(value, str):
            return scalars.read_timestamp(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return scalars.moment(value)
    except ValueError as error:
        raise SerializationException("Unable to parse the timestamp.") from error
    raise mismatch(value, "Timestamp")


def _read_float(value: object) -> object:
    if value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    return value


def _write_leaf(ref: Ref, shape: Shape) -> Callable | None:
    if shape.type == "blob":
        return scalars.write_blob
    if shape.type == "timestamp":
        form = ref.timestampFormat or shape.timestampFormat or "unixTimestamp"
        return scalars.epoch_seconds if form == "unixTimestamp" else scalars.TIMESTAMP_WRITERS_IN_BODY[form]
    if shape.type in ("float", "double"):
        return _write_float
    return None


def _write_float(value: float) -> float | str:
    return value if math.isfinite(value) else scalars.write_float(value)


def loads(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise SerializationException() from error  # AWS says no more


def dumps(value: object) -> bytes:
    """JSON, with the bytes in opaque shapes as base64."""
    return orjson.dumps(value, _base64)


def _base64(value: object) -> str:
    if type(value) is bytes:
        return scalars.write_blob(value)
    raise TypeError(f"JSON has no {type(value).__name__}")


def body_reader(shapes: dict[str, Shape], ref: Ref | None) -> Callable[[bytes], dict]:
    """From bytes to the members that travel in the body."""
    if ref is None:
        return lambda body: {}
    turn = Mapper(shapes, _read_leaf, incoming=True, thorough=False).build(ref)
    names = frozenset(shapes[ref.shape].members)
    thorough: Callable | None = None

    def read(body: bytes) -> dict:
        nonlocal thorough
        if not body:
            return {}
        value = loads(body)
        if turn is not None and b"null" not in body:
            return turn(value)
        if type(value) is dict and value.keys() <= names and b"null" not in body:
            return value
        # A null somewhere (or the word in a string), or a member that the model does not know: the careful way.
        if thorough is None:
            thorough = Mapper(shapes, _read_leaf, incoming=True, thorough=True).build(ref)
        return thorough(value)

    return read


def body_writer(shapes: dict[str, Shape], ref: Ref | None) -> Callable[[dict], bytes]:
    """From a result to JSON. Drops None."""
    if ref is None:
        return lambda result: b"{}"
    turn = Mapper(shapes, _write_leaf, incoming=False, thorough=False).build(ref)
    thorough: Callable | None = None

    def write(result: dict) -> bytes:
        nonlocal thorough
        if turn is not None:
            return dumps(turn(result))
        out = dumps(result)
        if b"null" in out:
            if thorough is None:
                thorough = Mapper(shapes, _write_leaf, incoming=False, thorough=True).build(ref)
            out = dumps(thorough(result))
        return out

    return write


def _nothing(result: dict) -> bytes:
    return b""


def value_writer(shapes: dict[str, Shape], ref: Ref) -> Callable[[object], object]:
    """From a result's part to what orjson can print; for errors and events."""
    turn = Mapper(shapes, _write_leaf, incoming=False, thorough=True).build(ref)
    return (lambda value: value) if turn is None else turn


def value_reader(shapes: dict[str, Shape], ref: Ref) -> Callable[[object], object]:
    turn = Mapper(shapes, _read_leaf, incoming=True, thorough=True).build(ref)
    return (lambda value: value) if turn is None else turn


def reader(op: Operation, protocol: str) -> Callable[[HttpRequest, bytes, dict | None], dict]:
    read = body_reader(op.shapes(protocol), op.input)
    return lambda request, body, labels: read(body)


def writer(op: Operation, protocol: str) -> Callable[[dict, str], HttpResponse]:
    content_type = ("Content-Type", f"application/x-amz-json-{op.api.metadata.get('jsonVersion', '1.0')}")
    if op.event_output is not None:
        from .eventstream import rpc_writer

        return rpc_writer(op, protocol, value_writer)
    write = body_writer(op.shapes(protocol), op.output)
    if op.output is None and op.api.overlay.has_empty_answers:
        write = _nothing
    headers = (content_type, *op.api.overlay.headers)

    def respond(result: dict, request_id: str) -> HttpResponse:
        return HttpResponse(200, [("x-amzn-RequestId", request_id), *headers], write(result))

    return respond


def error_writer(api: Api, protocol: str) -> Callable:
    content_type = ("Content-Type", f"application/x-amz-json-{api.metadata.get('jsonVersion', '1.0')}")

    def respond(told, request_id: str) -> HttpResponse:
        body = {"__type": told.type_name, **told.members(value_writer)}
        headers = [("x-amzn-RequestId", request_id), content_type, ("x-amzn-errortype", told.name)]
        headers += api.overlay.headers
        if told.query_error is not None:
            headers.append(("x-amzn-query-error", told.query_error))
        return HttpResponse(told.status, headers, dumps(body))

    return respond
