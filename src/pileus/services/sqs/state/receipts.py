"""Receipt handles: opaque to the consumer; they hold where the message lies and which receive handed it out."""

import base64
import binascii
import struct
from typing import NamedTuple

from pileus.services.sqs.state.tables import Message

_FORM = struct.Struct(">3sQQQI8s")
_MARK = b"\x01\x01\x01"
_LENGTH = 4 * _FORM.size // 3
assert _FORM.size % 3 == 0, "then base64 needs no padding"


class Receipt(NamedTuple):
    """`proof` is a part of the message's random id: nobody has a handle of a message he did not receive."""

    queue_id: int
    sent_at_ms: int
    sequence: int
    receive_count: int
    proof: bytes

    def is_of(self, message: Message) -> bool:
        """It was handed out with this message, at its last receive or an earlier one."""
        return self.proof == _proof(message) and self.receive_count <= message.receive_count

    def is_newest_of(self, message: Message) -> bool:
        return self.proof == _proof(message) and self.receive_count == message.receive_count


def handle_of(message: Message) -> str:
    """The handle of the message's last receive. Different for each receive."""
    packed = _FORM.pack(
        _MARK, message.queue_id, message.sent_at_ms, message.sequence, message.receive_count, _proof(message)
    )
    return base64.b64encode(packed).decode()


def read(handle: str) -> Receipt | None:
    """What a handle holds, or None if it is none of ours."""
    if len(handle) != _LENGTH:
        return None
    try:
        mark, *parts = _FORM.unpack(base64.b64decode(handle, validate=True))
    except (binascii.Error, ValueError):
        return None
    return Receipt(*parts) if mark == _MARK else None


def _proof(message: Message) -> bytes:
    return bytes.fromhex(message.id[:8] + message.id[-8:])
