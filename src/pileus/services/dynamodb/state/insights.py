"""Contributor insights: whether they are on, and the names of their rules in CloudWatch.

What was asked for commits with an event, whose handler (insights_rules.py) makes or deletes the rules and says so. What
is counted under them is in metering.py.

Source: developer guide, "CloudWatch contributor insights for DynamoDB: How it works" ("Rules"); API reference,
UpdateContributorInsights. How the statuses follow one another was recorded on AWS in October 2026.
"""

from msgspec.structs import replace

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.errors import ResourceNotFoundException, TableNotFound
from pileus.services.dynamodb.state.records import TABLES, Insights, SecondaryIndex, TableRecord
from pileus.store.transaction import Transaction

ACCESSED = ("PKC", "SKC")
"""The rules of what is accessed: by the partition key, and by both keys."""
THROTTLED = ("PKT", "SKT")
ALL_KEYS, THROTTLED_KEYS = "ACCESSED_AND_THROTTLED_KEYS", "THROTTLED_KEYS"
CHANGE = "dynamodb.insights"
"""The event that rules are to be made or deleted."""
RULE_NAME_MAX = 128
"""Source: CloudWatch API reference, PutInsightRule (RuleName)."""
_PREFIX = "DynamoDBContributorInsights"


def rule_name(kind: str, table: TableRecord, index: SecondaryIndex | None, insights: Insights) -> str:
    """kind: of ACCESSED or THROTTLED. A name that would be too long loses the end of the resource's."""
    resource = table.name if index is None else f"{table.name}-{index.name}"
    begin, end = f"{_PREFIX}-{kind}-", f"-{insights.made_at_ms}"
    return begin + resource[: RULE_NAME_MAX - len(begin) - len(end)] + end


def rules_of(table: TableRecord, index: SecondaryIndex | None, mode: str = ALL_KEYS) -> dict[str, str]:
    """Name -> kind of the rules that insights of this mode have."""
    has_range = bool(table.range_name if index is None else index.range_names)
    insights = table.insights["" if index is None else index.name]
    kinds = THROTTLED if mode == THROTTLED_KEYS else (ACCESSED[0], *THROTTLED[:1], ACCESSED[1], THROTTLED[1])
    kinds = tuple(kind for kind in kinds if has_range or kind.startswith("P"))
    return {rule_name(kind, table, index, insights): kind for kind in kinds}


def find(tx: Transaction, address: Address, index_name: str) -> tuple[TableRecord, SecondaryIndex | None]:
    """A table and, where one is named, its global index.

    errors  ResourceNotFoundException, also of a table that is being created and of a local index
    """
    table = TABLES.get(tx, *address)
    if table is None or table.status == "CREATING":
        raise TableNotFound(address.name)
    index = table.index(index_name) if index_name else None
    if index_name and (index is None or index.is_local):
        raise ResourceNotFoundException(
            f"Requested resource not found: Index: {index_name} not found for table: {table.name}"
        )
    return table, index


def enable(tx: Transaction, address: Address, index_name: str, mode: str) -> Insights:
    """Begin to enable them, or to change their mode. What is so already stays so."""
    table, index = find(tx, address, index_name)
    for name, status in (("TableStatus", table.status), ("IndexStatus", "ACTIVE" if index is None else index.status)):
        if status == "DELETING" or (name == "IndexStatus" and status != "ACTIVE"):
            raise ValidationException(
                "Table or Index is not in a valid state to update Key Access Insights: "
                f"{name} must be ACTIVE to enable ContributorInsights."
            )
    had = table.insights.get(index_name)
    if had is not None and (had.status, had.mode) == ("ENABLED", mode):
        return had
    is_new = had is None or had.status in ("DISABLED", "FAILED")
    made_at_ms = tx.now_ms if is_new else had.made_at_ms
    return _change(tx, table, index_name, Insights(mode, "ENABLING", made_at_ms, tx.now_ms))


def disable(tx: Transaction, address: Address, index_name: str) -> Insights | None:
    """Begin to disable them; None where they never were enabled."""
    table, _ = find(tx, address, index_name)
    had = table.insights.get(index_name)
    if had is None or had.status == "DISABLED":
        return had
    return _change(tx, table, index_name, replace(had, status="DISABLING", changed_at_ms=tx.now_ms, failure=None))


def _change(tx: Transaction, table: TableRecord, index_name: str, insights: Insights) -> Insights:
    TABLES.put(tx, replace(table, insights={**table.insights, index_name: insights}))
    tx.emit(CHANGE, {"table": list(table.address), "index": index_name}, lane=str(table.id))
    return insights


def settle(
    tx: Transaction, table_id: int, index_name: str, asked: Insights, failure: tuple[str, str] | None = None
) -> None:
    """What was `asked` is done, or failed; if something else was asked for meanwhile, nothing is changed."""
    table = TABLES.by_id.first(tx, table_id)
    if table is None or table.insights.get(index_name) != asked:
        return
    status = "FAILED" if failure else "ENABLED" if asked.status == "ENABLING" else "DISABLED"
    settled = replace(asked, status=status, changed_at_ms=tx.now_ms, failure=failure)
    TABLES.put(tx, replace(table, insights={**table.insights, index_name: settled}))


def index_deleted(tx: Transaction, table: TableRecord, index: SecondaryIndex) -> TableRecord:
    """Its rules go with it. Returns the table without its insights."""
    if index.name not in table.insights:
        return table
    _forget(tx, table, list(rules_of(table, index)))
    rest = {name: one for name, one in table.insights.items() if name != index.name}
    return replace(table, insights=rest)


def table_deleted(tx: Transaction, table: TableRecord) -> None:
    rules = [
        rule
        for name in table.insights
        if not name or table.index(name) is not None
        for rule in rules_of(table, table.index(name) if name else None)
    ]
    if rules:
        _forget(tx, table, rules)


def _forget(tx: Transaction, table: TableRecord, rules: list[str]) -> None:
    tx.emit(CHANGE, {"table": list(table.address), "rules": rules}, lane=str(table.id))
