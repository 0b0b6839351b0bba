"""What Application Auto Scaling is told: what was consumed, and that capacity was changed. It keeps the settings.

Source: developer guide, "Managing throughput capacity automatically with DynamoDB auto scaling".
"""

from pileus.services.dynamodb.scalable import READ, Dimension
from pileus.services.dynamodb.state.records import TableRecord, Throughput
from pileus.store.transaction import Transaction

MEASURED = "application-autoscaling.measured"
CHANGED = "application-autoscaling.changed"


def tell_changes(tx: Transaction, before: TableRecord, after: TableRecord) -> None:
    """Somebody changed provisioned capacity of the table or of its indexes, by hand or not."""
    had, has = _capacities(before), _capacities(after)
    for name, units in has.items():
        if units != had.get(name, units):
            resource = Dimension(after.name, name, READ).resource
            tx.emit(CHANGED, {"account": after.account, "region": after.region, "resource": resource})


def _capacities(table: TableRecord) -> dict[str, tuple[int, int]]:
    if table.billing != "PROVISIONED":
        return {}
    found = {"": _units(table.throughput)}
    found |= {index.name: _units(index.throughput) for index in table.global_indexes if index.throughput is not None}
    return found


def _units(throughput: Throughput) -> tuple[int, int]:
    return throughput.read_units, throughput.write_units
