"""restJson1. Source: Smithy 2.0 specification, "AWS restJson1 protocol"."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import orjson

from pileus.kernel.http import HttpRequest, HttpResponse

from . import eventstream, json
from .refusals import SerializationException
from .rest import bindings_reader, headers_writer, is_streaming, status_member
from .shapes import Ref, Shape, body_members

if TYPE_CHECKING:
    from .models import Api, Operation

PROTOCOL = "rest-json"
_CONTENT_TYPE = ("Content-Type", "application/json")


def reader(op: Operation, protocol: str) -> Callable[[HttpRequest, bytes, dict | None], dict]:
    shapes = op.shapes(protocol)
    read_bindings = bindings_reader(op, shapes)
    shape = None if op.input is None else shapes[op.input.shape]
    if shape is None:
        return lambda request, body, labels: {}
    if shape.payload is not None:
        read_payload = _payload_reader(op, shape, shapes)
    elif any(True for _ in body_members(shape, incoming=True)):
        read_body = json.body_reader(shapes, op.input)
    else:
        read_body = None

    def read_with_payload(request: HttpRequest, body: bytes, labels: dict | None) -> dict:
        out: dict = {}
        read_payload(request, body, out)
        read_bindings(request, labels, out)
        return out

    def read(request: HttpRequest, body: bytes, labels: dict | None) -> dict:
        out = read_body(body) if read_body is not None else {}
        read_bindings(request, labels, out)
        return out

    return read if shape.payload is None else read_with_payload


def _payload_reader(
    op: Operation, shape: Shape, shapes: dict[str, Shape]
) -> Callable[[HttpRequest, bytes, dict], None]:
    name = shape.payload
    ref = shape.members[name]
    target = shapes[ref.shape]
    if target.eventstream:
        decode = eventstream.events_reader(shapes, ref, json.value_reader, json.loads)
        return lambda request, body, out: out.__setitem__(name, decode(request.body))
    if is_streaming(ref, shapes):
        return lambda request, body, out: out.__setitem__(name, request.body)
    if target.type == "blob":
        return lambda request, body, out: out.__setitem__(name, body) if body else None
    if target.type in ("string", "character"):
        return lambda request, body, out: out.__setitem__(name, _text(body)) if body else None
    turn = json.value_reader(shapes, ref)
    return lambda request, body, out: out.__setitem__(name, turn(json.loads(body))) if body else None


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise SerializationException("The body is not UTF-8.") from error


def writer(op: Operation, protocol: str) -> Callable[[dict, str], HttpResponse]:
    if op.output is None:
        return lambda result, request_id: HttpResponse(op.status, [("x-amzn-RequestId", request_id)])
    shapes = op.shapes(protocol)
    shape = shapes[op.output.shape]
    write_headers = headers_writer(shape, shapes)
    status_name = status_member(shape)
    write_body = (
        _payload_writer(shape, shapes) if shape.payload is not None else _members_writer(op.output, shape, shapes)
    )
    has_bindings = any(ref.location is not None for ref in shape.members.values())

    def respond(result: dict, request_id: str) -> HttpResponse:
        headers = [("x-amzn-RequestId", request_id)]
        status = op.status
        if has_bindings:
            write_headers(result, headers)
            if status_name is not None and result.get(status_name) is not None:
                status = result[status_name]
        response = HttpResponse(status, headers)
        if status != 204:
            write_body(result, response)
        return response

    return respond


def _members_writer(ref: Ref, shape: Shape, shapes: dict[str, Shape]) -> Callable[[dict, HttpResponse], None]:
    if any(ref.location is not None for ref in shape.members.values()):
        turn = json.value_writer(shapes, ref)  # leaves out what travels outside the body

        def write(result: dict, response: HttpResponse) -> None:
            response.headers.append(_CONTENT_TYPE)
            response.body = orjson.dumps(turn(result))

        return write
    write_json = json.body_writer(shapes, ref)

    def write_all(result: dict, response: HttpResponse) -> None:
        response.headers.append(_CONTENT_TYPE)
        response.body = write_json(result)

    return write_all


def _payload_writer(shape: Shape, shapes: dict[str, Shape]) -> Callable[[dict, HttpResponse], None]:
    name = shape.payload
    ref = shape.members[name]
    target = shapes[ref.shape]
    if target.eventstream:
        return eventstream.payload_writer(name, shapes, ref, json.value_writer, "application/json", orjson.dumps)
    plain_type = {"blob": "application/octet-stream", "string": "text/plain"}.get(target.type)
    turn = None if plain_type else json.value_writer(shapes, ref)
    has_own_type = any((ref.locationName or "").lower() == "content-type" for ref in shape.members.values())

    def write(result: dict, response: HttpResponse) -> None:
        value = result.get(name)
        if value is None:
            return
        response.body = orjson.dumps(turn(value)) if turn is not None else _bytes(value)
        if not (has_own_type and any(header.lower() == "content-type" for header, _ in response.headers)):
            response.headers.append(("Content-Type", plain_type or "application/json"))

    return write


def _bytes(value: object) -> object:
    return value.encode() if isinstance(value, str) else value


def error_writer(api: Api, protocol: str) -> Callable:
    def respond(told, request_id: str) -> HttpResponse:
        headers = [("x-amzn-RequestId", request_id), ("x-amzn-errortype", told.name), _CONTENT_TYPE]
        if told.shape is not None:
            headers_writer(told.shape, api.shapes(protocol))(told.fields, headers)
        if told.query_error is not None:
            headers.append(("x-amzn-query-error", told.query_error))
        return HttpResponse(told.status, headers, orjson.dumps(told.members(json.value_writer)))

    return respond
