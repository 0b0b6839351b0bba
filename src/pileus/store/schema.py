"""The version of what is in a data directory: a newer one is refused, an older one is migrated.

New fields with defaults need no new version (table.py). A change that old rows can't be read with raises VERSION and
adds a migration, which stays for ever.
"""

from collections.abc import Callable, Mapping

import msgspec

from pileus.kernel.clock import Clock
from pileus.kernel.ids import Ids
from pileus.store.engine import DataDirRefused, Engine
from pileus.store.sequence import Sequence
from pileus.store.table import Table
from pileus.store.transaction import Transaction

VERSION = 2

Migration = Callable[[Transaction], None]


def _move_nothing(tx: Transaction) -> None:
    """Version 2 has small blobs in rows of their own, of which version 1 knows nothing. Those of version 1 stay."""


MIGRATIONS: dict[int, Migration] = {1: _move_nothing}
"""Version n: the transition that makes it n + 1."""


class Schema(msgspec.Struct, frozen=True):
    name: str
    version: int


SCHEMA = Table("store.schema", Schema, key=lambda row: (row.name,))


def bring_up_to_date(
    engine: Engine, clock: Clock, ids: Ids, version: int = VERSION, migrations: Mapping[int, Migration] = MIGRATIONS
) -> None:
    """Raises DataDirRefused. Each step commits with its version: one that is killed half way goes on where it was."""
    sequence = Sequence()
    tx = Transaction(engine, clock.now_ms(), ids, sequence, {})
    found = SCHEMA.get(tx, "all")
    if found is None:
        if next(tx.scan(b"\0", b"\xff"), None) is not None:
            raise DataDirRefused("the data directory says no schema version: it was not written by Pileus.")
        SCHEMA.put(tx, Schema("all", version))
        _commit(engine, tx)
        return
    if found.version > version:
        raise DataDirRefused(
            f"the data directory has schema version {found.version}, this Pileus knows versions up to {version}: "
            "start a newer Pileus, or choose another data directory."
        )
    sequence.load(tx)
    for step in range(found.version, version):
        tx = Transaction(engine, clock.now_ms(), ids, sequence, {})
        migrations[step](tx)
        SCHEMA.put(tx, Schema("all", step + 1))
        _commit(engine, tx)


def _commit(engine: Engine, tx: Transaction) -> None:
    engine.apply(tx.changes, tx.ranges)
    engine.begin_sync()()
