"""Services that must run from the process's start, and not only from their first call: they have work of their own.

A transition that begins such work says so (`settle_in`), one that ends the last of it takes it back (`move_out`); both
commit with the change. The composition root starts whoever is named here.
"""

import msgspec

from pileus.store.table import Table
from pileus.store.transaction import Transaction


class Resident(msgspec.Struct, frozen=True):
    """`reason`: a service may have several, each on its own."""

    service: str
    reason: str


RESIDENTS = Table("residents", Resident, key=lambda row: (row.service, row.reason))


def settle_in(tx: Transaction, service: str, reason: str) -> None:
    if not RESIDENTS.has(tx, service, reason):
        RESIDENTS.put(tx, Resident(service, reason))


def move_out(tx: Transaction, service: str, reason: str) -> None:
    RESIDENTS.delete(tx, service, reason)


def every(tx: Transaction) -> set[str]:
    """The names of the services that have work."""
    return {row.service for row in RESIDENTS.scan(tx)}
