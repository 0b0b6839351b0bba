"""restXml. Source: Smithy 2.0 specification, "AWS restXml protocol"."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pileus.kernel.http import HttpRequest, HttpResponse

from . import eventstream, xml
from .refusals import MalformedXML
from .rest import bindings_reader, headers_writer, is_streaming, status_member
from .shapes import Ref, Shape, body_members

if TYPE_CHECKING:
    from .models import Api, Operation

PROTOCOL = "rest-xml"
_CONTENT_TYPE = ("Content-Type", "application/xml")
_PROLOG = '<?xml version="1.0" encoding="UTF-8"?>\n'


def reader(op: Operation, protocol: str) -> Callable[[HttpRequest, bytes, dict | None], dict]:
    if op.input is None:
        return lambda request, body, labels: {}
    shapes = op.shapes(protocol)
    shape = shapes[op.input.shape]
    read_bindings = bindings_reader(op, shapes)
    if shape.payload is not None:
        read_body = _payload_reader(shape, shapes)
    elif any(True for _ in body_members(shape, incoming=True)):
        read_body = _members_reader(op, shapes)
    else:
        read_body = None

    def read(request: HttpRequest, body: bytes, labels: dict | None) -> dict:
        out: dict = {}
        if read_body is not None:
            read_body(request, body, out)
        read_bindings(request, labels, out)
        return out

    return read


def _members_reader(op: Operation, shapes: dict[str, Shape]) -> Callable[[HttpRequest, bytes, dict], None]:
    turn = xml.Reader(shapes).value(op.input)
    return lambda request, body, out: out.update(turn(xml.loads(body))) if body else None


def _payload_reader(shape: Shape, shapes: dict[str, Shape]) -> Callable[[HttpRequest, bytes, dict], None]:
    name = shape.payload
    ref = shape.members[name]
    target = shapes[ref.shape]
    if is_streaming(ref, shapes):
        return lambda request, body, out: out.__setitem__(name, request.body)
    if target.type == "blob":
        return lambda request, body, out: out.__setitem__(name, body) if body else None
    if target.type in ("string", "character"):
        return lambda request, body, out: out.__setitem__(name, _decoded(body)) if body else None
    turn = xml.Reader(shapes).value(ref)
    return lambda request, body, out: out.__setitem__(name, turn(xml.loads(body))) if body else None


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise MalformedXML() from error


def _id_headers(api: Api, request_id: str) -> list[tuple[str, str]]:
    return [(name, request_id) for name in api.overlay.id_headers]


def writer(op: Operation, protocol: str) -> Callable[[dict, str], HttpResponse]:
    if op.output is None:
        return lambda result, request_id: HttpResponse(op.status, _id_headers(op.api, request_id))
    shapes = op.shapes(protocol)
    shape = shapes[op.output.shape]
    write_headers = headers_writer(shape, shapes)
    status_name = status_member(shape)
    write_body = _payload_writer(op, shape, shapes) if shape.payload is not None else _members_writer(op, shape, shapes)

    def respond(result: dict, request_id: str) -> HttpResponse:
        headers = _id_headers(op.api, request_id)
        write_headers(result, headers)
        status = op.status
        if status_name is not None and result.get(status_name) is not None:
            status = result[status_name]
        elif op.api.overlay.partial_content in result:
            status = 206
        response = HttpResponse(status, headers)
        if status not in (204, 304) and op.http_method != "HEAD":
            write_body(result, response)
        return response

    return respond


def _root(op: Operation, ref: Ref) -> str:
    return (
        op.api.overlay.roots.get(op.name)
        or ref.locationName
        or op.shapes(PROTOCOL)[ref.shape].locationName
        or ref.shape
    )


def _members_writer(op: Operation, shape: Shape, shapes: dict[str, Shape]) -> Callable[[dict, HttpResponse], None]:
    if not any(True for _ in body_members(shape, incoming=False)):
        return lambda result, response: None
    root = _root(op, op.output)
    write = xml.Writer(shapes).element(root, op.output, op.api.namespace)
    unwrapped = next(iter(shape.members)) if op.name in op.api.overlay.unwrapped else None

    def write_body(result: dict, response: HttpResponse) -> None:
        pieces = [_PROLOG]
        if unwrapped is not None:  # GetBucketLocation: the member's text stands in the root itself
            text = xml.escape(result.get(unwrapped) or "")
            pieces.append(f"<{root}{xml.namespace_attribute(op.api.namespace)}>{text}</{root}>")
        else:
            write(result, pieces.append)
        _set_body(response, "".join(pieces).encode(), _CONTENT_TYPE[1])

    return write_body


def _payload_writer(op: Operation, shape: Shape, shapes: dict[str, Shape]) -> Callable[[dict, HttpResponse], None]:
    name = shape.payload
    ref = shape.members[name]
    target = shapes[ref.shape]
    if target.eventstream:
        return eventstream.payload_writer(name, shapes, ref, _event_value_writer, "text/xml", bytes)
    plain_type = {"blob": "application/octet-stream", "string": "text/plain"}.get(target.type)
    if plain_type is None:
        # botocore gives payloads their member's name where the service's own model gives none.
        own_name = ref.locationName if ref.locationName != name else None
        root = op.api.overlay.roots.get(op.name) or own_name or target.locationName or ref.shape
        write = xml.Writer(shapes).element(root, ref, op.api.namespace)

    def write_body(result: dict, response: HttpResponse) -> None:
        value = result.get(name)
        if value is None:
            return
        if plain_type is not None:
            _set_body(response, value.encode() if isinstance(value, str) else value, plain_type)
            return
        pieces = [_PROLOG]
        write(value, pieces.append)
        _set_body(response, "".join(pieces).encode(), _CONTENT_TYPE[1])

    return write_body


def _set_body(response: HttpResponse, body: object, content_type: str) -> None:
    response.body = body
    if not any(name.lower() == "content-type" for name, _ in response.headers):
        response.headers.append(("Content-Type", content_type))


def _event_value_writer(shapes: dict[str, Shape], ref: Ref) -> Callable[[object], bytes]:
    if shapes[ref.shape].type != "structure":
        return lambda value: value
    write = xml.Writer(shapes).element(shapes[ref.shape].locationName or ref.locationName or ref.shape, ref)

    def turn(value: dict) -> bytes:
        pieces: list[str] = []
        write(value, pieces.append)
        return "".join(pieces).encode()

    return turn


def error_writer(api: Api, protocol: str) -> Callable:
    def respond(told, request_id: str) -> HttpResponse:
        headers = [*_id_headers(api, request_id), _CONTENT_TYPE]
        if told.shape is not None:
            headers_writer(told.shape, api.shapes(protocol))(told.fields, headers)
        details = told.xml_members()
        start = f"<Code>{xml.escape(told.code)}</Code>{told.xml_message()}{details}"
        if api.overlay.bare_errors:
            id_part = f"<RequestId>{request_id}</RequestId><HostId>{request_id}</HostId>"
            text = f"{_PROLOG}<Error>{start}{id_part}</Error>"
        else:
            space = xml.namespace_attribute(api.namespace)
            error = f"<Error><Type>{told.fault}</Type>{start}</Error>"
            text = f"{_PROLOG}<ErrorResponse{space}>{error}<RequestId>{request_id}</RequestId></ErrorResponse>"
        return HttpResponse(told.status, headers, text.encode())

    return respond
