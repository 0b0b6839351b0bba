"""Ascending numbers for whatever is kept in order, or needs an id of its own: `tx.next_sequence()`."""

from typing import Protocol

import msgspec

from pileus.store.rows import Rows
from pileus.store.table import Table

SEQUENCE_BLOCK = 1_000_000


class SequenceLimit(msgspec.Struct, frozen=True):
    name: str
    limit: int


SEQUENCES = Table("store.sequence", SequenceLimit, key=lambda row: (row.name,))


class Numbered(Rows, Protocol):
    """Rows, changed together with the end of the block of numbers."""

    sequence_limit: int


class Sequence:
    """Ascending numbers. Only the end of the current block is kept: a restart skips the rest of the block."""

    def __init__(self) -> None:
        self.value = 0
        self.limit = 0
        """What the disk says. Moved only by the store, once the transaction that moves it is applied."""

    def next(self, tx: Numbered) -> int:
        self.value += 1
        if self.value >= self.limit and self.value >= tx.sequence_limit:
            tx.sequence_limit = self.value + SEQUENCE_BLOCK
            SEQUENCES.put(tx, SequenceLimit("all", tx.sequence_limit))
        return self.value

    def load(self, tx: Rows) -> None:
        row = SEQUENCES.get(tx, "all")
        self.value = self.limit = 0 if row is None else row.limit
