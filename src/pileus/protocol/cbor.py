"""rpc-v2-cbor. Source: Smithy 2.0 specification, "Smithy RPC v2 CBOR protocol"."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import cbor2

from pileus.kernel.http import HttpRequest, HttpResponse

from . import scalars
from .refusals import SerializationException
from .shapes import Ref, Shape
from .trees import Mapper

if TYPE_CHECKING:
    from .models import Api, Operation

PROTOCOL = "smithy-rpc-v2-cbor"
_HEADERS = (("smithy-protocol", "rpc-v2-cbor"), ("Content-Type", "application/cbor"))
_NULL, _UNDEFINED = b"\xf6", b"\xf7"


def _read_leaf(ref: Ref, shape: Shape) -> Callable | None:
    return None


def _write_leaf(ref: Ref, shape: Shape) -> Callable | None:
    if shape.type == "timestamp":
        return lambda value: cbor2.CBORTag(1, float(scalars.epoch_seconds(value)))
    if shape.type == "blob":
        return lambda value: value.encode() if isinstance(value, str) else bytes(value)
    return None


def _without_undefined(value: object) -> object:
    """`undefined` means null in this protocol."""
    if isinstance(value, dict):
        return {key: _without_undefined(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_undefined(inner) for inner in value]
    return None if value is cbor2.undefined else value


def loads(body: bytes) -> object:
    try:
        return cbor2.loads(body)
    except (cbor2.CBORDecodeError, ValueError, TypeError, OverflowError) as error:
        raise SerializationException("Unable to parse the CBOR body.") from error


def body_reader(shapes: dict[str, Shape], ref: Ref | None) -> Callable[[bytes], dict]:
    if ref is None:
        return lambda body: {}
    turn = Mapper(shapes, _read_leaf, incoming=True, thorough=False).build(ref)
    names = frozenset(shapes[ref.shape].members)
    thorough = Mapper(shapes, _read_leaf, incoming=True, thorough=True).build(ref)

    def read(body: bytes) -> dict:
        if not body:
            return {}
        value = loads(body)
        # These bytes may stand inside a string or number too; then the careful way is taken for nothing.
        if (
            turn is None
            and _NULL not in body
            and _UNDEFINED not in body
            and type(value) is dict
            and value.keys() <= names
        ):
            return value
        return thorough(_without_undefined(value) if _UNDEFINED in body else value)

    return read


def body_writer(shapes: dict[str, Shape], ref: Ref | None) -> Callable[[dict], bytes]:
    if ref is None:
        return lambda result: b"\xa0"
    turn = value_writer(shapes, ref)
    return lambda result: cbor2.dumps(turn(result))


def value_writer(shapes: dict[str, Shape], ref: Ref) -> Callable[[object], object]:
    turn = Mapper(shapes, _write_leaf, incoming=False, thorough=True).build(ref)
    return (lambda value: value) if turn is None else turn


def reader(op: Operation, protocol: str) -> Callable[[HttpRequest, bytes, dict | None], dict]:
    read = body_reader(op.shapes(protocol), op.input)
    return lambda request, body, labels: read(body)


def writer(op: Operation, protocol: str) -> Callable[[dict, str], HttpResponse]:
    if op.event_output is not None:
        from .eventstream import rpc_writer

        return rpc_writer(op, protocol, value_writer)
    write = None if op.output is None else body_writer(op.shapes(protocol), op.output)

    def respond(result: dict, request_id: str) -> HttpResponse:
        if write is None:  # no output: no body, and then no content type
            return HttpResponse(200, [("x-amzn-RequestId", request_id), _HEADERS[0]])
        return HttpResponse(200, [("x-amzn-RequestId", request_id), *_HEADERS], write(result))

    return respond


def error_writer(api: Api, protocol: str) -> Callable:
    def respond(told, request_id: str) -> HttpResponse:
        body = {"__type": told.type_name, **told.members(value_writer)}
        headers = [("x-amzn-RequestId", request_id), *_HEADERS]
        if told.query_error is not None:
            headers.append(("x-amzn-query-error", told.query_error))
        return HttpResponse(told.status, headers, cbor2.dumps(body))

    return respond
