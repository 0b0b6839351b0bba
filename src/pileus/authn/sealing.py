"""The key that seals session tokens: made once for a store and kept there."""

import msgspec

from pileus.store.table import Table
from pileus.store.transaction import Transaction

KEY_BYTES = 32


class SealingKey(msgspec.Struct, frozen=True):
    name: str
    key: bytes


SEALING_KEYS = Table("authn.sealing", SealingKey, key=lambda row: (row.name,))


def session_key(tx: Transaction) -> bytes:
    """The key, made at the first call of a new store."""
    row = SEALING_KEYS.get(tx, "sessions")
    if row is None:
        row = SealingKey("sessions", tx.ids.bytes(KEY_BYTES))
        SEALING_KEYS.put(tx, row)
    return row.key
