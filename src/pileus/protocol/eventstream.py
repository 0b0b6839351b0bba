"""Event streams: the binary framing, events to messages and back.

A message is: total length, headers length, CRC-32 of those eight bytes, headers, payload, CRC-32 of all before it.
Source: Smithy 2.0 specification, "Amazon Event Stream specification".
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from pileus.kernel.errors import AwsError
from pileus.kernel.http import Body, HttpResponse

from . import scalars
from .refusals import SerializationException
from .shapes import Ref, Shape

if TYPE_CHECKING:
    from .models import Operation

CONTENT_TYPE = "application/vnd.amazon.eventstream"
MESSAGE_LIMIT_BYTES = 24 << 20
"""Source: Amazon Event Stream specification: a payload has at most 16 MiB, headers 128 KiB."""

_PRELUDE = struct.Struct(">II")
_CRC = struct.Struct(">I")
_FRAME_BYTES = 16


@dataclass
class Message:
    payload: bytes = b""
    headers: dict[str, object] = field(default_factory=dict)


def encode(message: Message) -> bytes:
    headers = b"".join(_encode_header(name, value) for name, value in message.headers.items())
    prelude = _PRELUDE.pack(_FRAME_BYTES + len(headers) + len(message.payload), len(headers))
    framed = prelude + _CRC.pack(zlib.crc32(prelude)) + headers + message.payload
    return framed + _CRC.pack(zlib.crc32(framed))


def _encode_header(name: str, value: object) -> bytes:
    spelled = name.encode()
    start = bytes((len(spelled),)) + spelled
    if isinstance(value, bool):
        return start + (b"\x00" if value else b"\x01")
    if isinstance(value, int):
        return start + (
            b"\x04" + struct.pack(">i", value) if -(1 << 31) <= value < 1 << 31 else b"\x05" + struct.pack(">q", value)
        )
    if isinstance(value, datetime):
        return start + b"\x08" + struct.pack(">q", round(scalars.epoch_seconds(value) * 1000))
    data = value.encode() if isinstance(value, str) else value
    return start + (b"\x07" if isinstance(value, str) else b"\x06") + struct.pack(">H", len(data)) + data


class Decoder:
    """Takes bytes as they come and hands out whole messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Raises SerializationException for a broken checksum or an impossible length."""
        self._buffer += data
        messages = []
        while len(self._buffer) >= 12:
            total, header_bytes = _PRELUDE.unpack_from(self._buffer)
            if _CRC.unpack_from(self._buffer, 8)[0] != zlib.crc32(self._buffer[:8]):
                raise SerializationException("An event's prelude has a wrong checksum.")
            if not _FRAME_BYTES + header_bytes <= total <= MESSAGE_LIMIT_BYTES:
                raise SerializationException("An event has an impossible length.")
            if len(self._buffer) < total:
                break
            frame = bytes(self._buffer[:total])
            del self._buffer[:total]
            if _CRC.unpack_from(frame, total - 4)[0] != zlib.crc32(frame[:-4]):
                raise SerializationException("An event has a wrong checksum.")
            messages.append(Message(frame[12 + header_bytes : -4], _decode_headers(frame[12 : 12 + header_bytes])))
        return messages

    @property
    def is_between_messages(self) -> bool:
        return not self._buffer


def _decode_headers(data: bytes) -> dict[str, object]:
    headers: dict[str, object] = {}
    at = 0
    try:
        while at < len(data):
            end = at + 1 + data[at]
            name = data[at + 1 : end].decode()
            headers[name], at = _decode_value(data, data[end], end + 1)
    except (IndexError, struct.error, UnicodeDecodeError, ValueError) as error:
        raise SerializationException("An event's headers are not well-formed.") from error
    if at != len(data):
        raise SerializationException("An event's headers are cut short.")
    return headers


def _decode_value(data: bytes, kind: int, at: int) -> tuple[object, int]:
    if kind in (0, 1):
        return kind == 0, at
    if kind in (2, 3, 4, 5):
        form = struct.Struct((">b", ">h", ">i", ">q")[kind - 2])
        return form.unpack_from(data, at)[0], at + form.size
    if kind in (6, 7):
        length = struct.unpack_from(">H", data, at)[0]
        raw = data[at + 2 : at + 2 + length]
        return raw.decode() if kind == 7 else raw, at + 2 + length
    if kind == 8:
        return scalars.moment(struct.unpack_from(">q", data, at)[0] / 1000), at + 8
    if kind == 9:
        text = data[at : at + 16].hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}", at + 16
    raise ValueError(f"header type {kind} is unknown")


def events_writer(shapes: dict[str, Shape], stream: Ref, value_writer: Callable, content_type: str, dumps: Callable):
    """From one event, {"Name": {members}}, to its message."""
    writers = {
        name: _event_writer(name, shapes, ref, value_writer, content_type, dumps)
        for name, ref in shapes[stream.shape].members.items()
    }

    def write(event: dict) -> bytes:
        ((name, value),) = ((n, v) for n, v in event.items() if v is not None)
        return encode(writers[name](value))

    return write


def _event_writer(name: str, shapes: dict, ref: Ref, value_writer: Callable, content_type: str, dumps: Callable):
    shape = shapes[ref.shape]
    kind = "exception" if shape.exception else "event"
    start = {":message-type": kind, f":{kind}-type": name}
    in_headers = [member for member, inner in shape.members.items() if inner.eventheader]
    payload = next((member for member, inner in shape.members.items() if inner.eventpayload), None)
    target = None if payload is None else shapes[shape.members[payload].shape]
    is_raw = target is not None and target.type in ("blob", "string")
    turn = value_writer(shapes, ref if payload is None else shape.members[payload])

    def write(value: dict) -> Message:
        headers = dict(start)
        body = value if payload is None else value.get(payload)
        if payload is None and in_headers:
            body = {member: inner for member, inner in value.items() if member not in in_headers}
        if is_raw:
            headers[":content-type"] = "application/octet-stream" if target.type == "blob" else "text/plain"
            data = body.encode() if isinstance(body, str) else body or b""
        elif shape.members or payload is not None:
            headers[":content-type"] = content_type
            data = dumps(turn(body if body is not None else {}))
        else:
            data = b""
        headers |= {member: value[member] for member in in_headers if value.get(member) is not None}
        return Message(data, headers)

    return write


async def _encoded(events: AsyncIterator[dict], write: Callable, first: bytes = b"") -> AsyncIterator[bytes]:
    """An error in mid-stream is a message too: the status has long been sent."""
    if first:
        yield first
    try:
        async for event in events:
            yield write(event)
    except AwsError as error:
        yield encode(
            Message(b"", {":message-type": "error", ":error-code": error.code, ":error-message": error.message})
        )


def payload_writer(
    name: str, shapes: dict, ref: Ref, value_writer: Callable, content_type: str, dumps: Callable
) -> Callable[[dict, HttpResponse], None]:
    """For the REST protocols: the stream is the payload. The result's member is an async iterator of events."""
    write_event = events_writer(shapes, ref, value_writer, content_type, dumps)

    def write(result: dict, response: HttpResponse) -> None:
        response.headers.append(("Content-Type", CONTENT_TYPE))
        response.body = _encoded(result[name], write_event)

    return write


def rpc_writer(op: Operation, protocol: str, value_writer: Callable) -> Callable[[dict, str], HttpResponse]:
    """For the RPC protocols: the other members go before the events, in a message named initial-response."""
    import cbor2
    import orjson

    in_cbor = protocol == "smithy-rpc-v2-cbor"
    dumps = cbor2.dumps if in_cbor else orjson.dumps
    part_type = "application/cbor" if in_cbor else f"application/x-amz-json-{op.api.metadata.get('jsonVersion', '1.0')}"
    shapes = op.shapes(protocol)
    name = op.event_output
    write_event = events_writer(shapes, shapes[op.output.shape].members[name], value_writer, part_type, dumps)
    turn = value_writer(shapes, op.output)
    start = {":message-type": "event", ":event-type": "initial-response", ":content-type": part_type}

    def respond(result: dict, request_id: str) -> HttpResponse:
        others = {member: value for member, value in result.items() if member != name}
        first = encode(Message(dumps(turn(others)), start))
        headers = [("x-amzn-RequestId", request_id), ("Content-Type", CONTENT_TYPE)]
        if in_cbor:
            headers.append(("smithy-protocol", "rpc-v2-cbor"))
        return HttpResponse(200, headers, _encoded(result[name], write_event, first))

    return respond


def events_reader(shapes: dict[str, Shape], stream: Ref, value_reader: Callable, loads: Callable):
    """From a request's body to an async iterator of events, {"Name": {members}}."""
    readers = {
        name: _event_reader(shapes, ref, value_reader, loads) for name, ref in shapes[stream.shape].members.items()
    }

    async def read(body: Body) -> AsyncIterator[dict]:
        decoder = Decoder()
        async for chunk in body:
            for message in decoder.feed(chunk):
                if ":chunk-signature" in message.headers:
                    # Signed streams wrap each event in a message that carries its signature; an empty one ends them.
                    inner = Decoder().feed(message.payload)
                else:
                    inner = [message]
                for event in inner:
                    name = event.headers.get(":event-type")
                    if name in readers:
                        yield {name: readers[name](event)}
        if not decoder.is_between_messages:
            raise SerializationException("The event stream is cut short.")

    return read


def _event_reader(shapes: dict[str, Shape], ref: Ref, value_reader: Callable, loads: Callable):
    shape = shapes[ref.shape]
    payload = next((member for member, inner in shape.members.items() if inner.eventpayload), None)
    target = None if payload is None else shapes[shape.members[payload].shape]
    turn = value_reader(shapes, ref if payload is None else shape.members[payload])

    def read(message: Message) -> dict:
        out = {member: message.headers[member] for member, inner in shape.members.items() if member in message.headers}
        if target is not None and target.type == "blob":
            return {**out, payload: message.payload}
        if target is not None and target.type == "string":
            return {**out, payload: message.payload.decode()}
        value = turn(loads(message.payload)) if message.payload else {}
        return {**out, payload: value} if payload is not None else {**out, **value}

    return read
