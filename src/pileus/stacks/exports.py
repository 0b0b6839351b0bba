"""Exports and imports between stacks of one account and region.

The rules: a name is exported once; what a stack imports can neither change nor go. An import is written down when the
operation that wants it begins, so that the export can't vanish before the value is used.
Source: user guide, "Get exported outputs from a deployed stack"; API reference, ListExports, ListImports.
"""

from collections.abc import Iterable

from pileus.stacks.errors import ValidationError
from pileus.stacks.outputs import Output
from pileus.stacks.records import EXPORTS, IMPORTS, STACKS, Blueprint, Export, Import, Stack
from pileus.store.transaction import Transaction


def values(tx: Transaction, account: str, region: str) -> dict[str, str]:
    """For `Scope.exports`."""
    return {export.name: export.value for export in EXPORTS.scan(tx, account, region)}


def importers(tx: Transaction, account: str, region: str, name: str) -> list[str]:
    """The names of the stacks that use it."""
    found = (STACKS.get(tx, row.stack_id) for row in IMPORTS.scan(tx, account, region, name))
    return [stack.name for stack in found if stack is not None]


def import_for(tx: Transaction, stack: Stack, blueprint: Blueprint, *, only: bool = False) -> None:
    """`stack` uses what `blueprint` imports, and with `only` nothing else any more."""
    if only:
        for row in list(IMPORTS.scan(tx, stack.account, stack.region)):
            if row.stack_id == stack.id and row.name not in blueprint.imports:
                IMPORTS.delete(tx, row.account, row.region, row.name, row.stack_id)
    for name in blueprint.imports:
        IMPORTS.put(tx, Import(stack.account, stack.region, name, stack.id))


def publish(tx: Transaction, stack: Stack, outputs: Iterable[Output]) -> None:
    """Export what `outputs` say, and withdraw what they don't any more."""
    wanted = {output.export: output.value for output in outputs if output.export is not None}
    for name, value in wanted.items():
        there = EXPORTS.get(tx, stack.account, stack.region, name)
        if there is not None and there.stack_id != stack.id:
            owner = STACKS.get(tx, there.stack_id)
            raise ValidationError(f"Export with name {name} is already exported by stack {owner.name}.")
        if there is not None and there.value != value:
            _refuse_used(tx, stack, name, "updated")
        EXPORTS.put(tx, Export(stack.account, stack.region, name, value, stack.id))
    for row in exported_by(tx, stack):
        if row.name not in wanted:
            _refuse_used(tx, stack, row.name, "deleted")
            EXPORTS.delete(tx, row.account, row.region, row.name)


def exported_by(tx: Transaction, stack: Stack) -> list[Export]:
    return [row for row in EXPORTS.scan(tx, stack.account, stack.region) if row.stack_id == stack.id]


def refuse_deletion_of_used(tx: Transaction, stack: Stack) -> None:
    for row in exported_by(tx, stack):
        _refuse_used(tx, stack, row.name, "deleted")


def withdraw(tx: Transaction, stack: Stack) -> None:
    """The stack is gone: it exports nothing and uses nothing."""
    for row in exported_by(tx, stack):
        EXPORTS.delete(tx, row.account, row.region, row.name)
    for row in list(IMPORTS.scan(tx, stack.account, stack.region)):
        if row.stack_id == stack.id:
            IMPORTS.delete(tx, row.account, row.region, row.name, row.stack_id)


def _refuse_used(tx: Transaction, stack: Stack, name: str, what: str) -> None:
    users = [user for user in importers(tx, stack.account, stack.region, name) if user != stack.name]
    if users:
        raise ValidationError(f"Export {name} cannot be {what} as it is in use by {' and '.join(users)}")
