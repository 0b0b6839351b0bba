"""What a replica's policy lets DynamoDB do where a global table is of several accounts.

DynamoDB acts as its replication principal. Each replica must let it read and write there, and bring settings, on behalf of
every replica of the group and of that one itself.

Source: developer guide, "DynamoDB global tables security" (multi-account), "Service principal authorization for replication",
"Updating a multi-account global table".
"""

from collections.abc import Iterable

from pileus.authz.evaluate import Access, Policies, evaluate
from pileus.authz.policy import parse
from pileus.kernel.errors import AccessDenied
from pileus.kernel.principal import service
from pileus.services.dynamodb.state.records import TableRecord
from pileus.services.dynamodb.state.replicas import others
from pileus.store.transaction import Transaction

REPLICATOR = "replication.dynamodb.amazonaws.com"
DATA = ("ReadDataForReplication", "WriteDataForReplication")
SETTINGS = "ReplicateSettings"


def lets(table: TableRecord, action: str, by: TableRecord) -> bool:
    """Whether the table's policy lets DynamoDB do this on it on behalf of the replica `by`."""
    policies = Policies(resource=None if table.policy is None else parse(table.policy.document, "resource"))
    keys = {
        "aws:SourceAccount": by.account,
        "aws:SourceArn": by.arn,
        "aws:PrincipalIsAWSService": True,
        "aws:PrincipalServiceName": REPLICATOR,
        "aws:ResourceAccount": table.account,
        "aws:RequestedRegion": table.region,
    }
    principal = service(REPLICATOR, source_account=by.account, source_arn=by.arn)
    access = Access(principal, f"dynamodb:{action}", table.arn, table.account, keys)
    return evaluate(policies, access).allowed


def check(group: Iterable[TableRecord], *actions: str) -> None:
    """Raise AccessDenied unless each of the group lets DynamoDB do the actions on behalf of each."""
    group = tuple(group)
    for table in group:
        for action in actions:
            for by in group:
                if not lets(table, action, by):
                    raise AccessDenied(
                        f"User: {REPLICATOR} is not authorized to perform: dynamodb:{action} on resource: {table.arn} "
                        f"on behalf of {by.arn} because no resource-based policy allows the dynamodb:{action} action"
                    )


def check_settings(tx: Transaction, table: TableRecord) -> None:
    """Raise AccessDenied where settings can't be brought to all: as long nobody's are changed."""
    if table.members:
        check((table, *others(tx, table)), SETTINGS)
