"""What each operation touches.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon DynamoDB"; developer guide,
"Using IAM with DynamoDB transactions": a transaction takes the permissions of its single actions.
"""

from collections.abc import Sequence

from pileus.kernel.call import Call
from pileus.kernel.service import Touch
from pileus.kernel.tags import from_list
from pileus.services.dynamodb.addresses import of_arn, of_name, of_source
from pileus.services.dynamodb.condition_keys import AccessKeys
from pileus.services.dynamodb.partiql import permissions
from pileus.services.dynamodb.resource_policies import check_owner
from pileus.services.dynamodb.state.attachments import tags_of
from pileus.services.dynamodb.state.replicas import others
from pileus.services.dynamodb.state.tables import find
from pileus.store.transaction import Transaction

_TRANSACT_ACTIONS = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}
_FILLING_ACTIONS = ("BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem")
_REPLICA_ACTIONS = {
    "Create": ("CreateTable", "CreateTableReplica", *_FILLING_ACTIONS),
    "Update": ("UpdateTable",),
    "Delete": ("DeleteTable", "DeleteTableReplica"),
    "Disassociate": ("DisassociateTableReplica",),
}


def on_table(call: Call, request: dict) -> list[str]:
    return [of_name(call, request["TableName"]).arn]


def on_table_or_index(call: Call, request: dict) -> list[str]:
    """The operations on contributor insights: the index where one is named."""
    arn = of_name(call, request["TableName"]).arn
    return [f"{arn}/index/{request['IndexName']}" if request.get("IndexName") else arn]


async def on_new_table(call: Call, request: dict) -> list[Touch]:
    """CreateTable; with tags it takes TagResource too, with a policy PutResourcePolicy; as a replica of another account's
    table what any replica takes, and the word of all replicas that are there. Source: developer guide, "DynamoDB global tables
    security" (multi-account), "Permissions for creating global tables"."""
    arn = of_name(call, request["TableName"]).arn
    tags = from_list(request.get("Tags"))
    touches = [Touch("dynamodb:CreateTable", arn, request_tags=tags)]
    if tags:
        touches.append(Touch("dynamodb:TagResource", arn, request_tags=tags))
    if request.get("ResourcePolicy"):
        touches.append(Touch("dynamodb:PutResourcePolicy", arn))
    source_arn = request.get("GlobalTableSourceArn")
    if source_arn:
        touches += [Touch(f"dynamodb:{action}", arn) for action in ("CreateTableReplica", *_FILLING_ACTIONS)]
        joined = await call.read(_group_of, source_arn)
        touches += [Touch("dynamodb:AssociateTableReplica", member, policy=policy) for member, policy in joined.items()]
    return touches


def _group_of(tx: Transaction, arn: str) -> dict[str, str | None]:
    """The table by its ARN, with its policy; where its replicas are of several accounts, they likewise."""
    address = of_arn(arn)
    table = None if address is None else find(tx, address)
    if table is None:
        return {arn: None}
    group = (table, *others(tx, table)) if table.members else (table,)
    return {one.arn: None if one.policy is None else one.policy.document for one in group}


def on_item(call: Call, request: dict) -> list[Touch]:
    """Also Query and Scan: the index where one is named, else the table."""
    return [_touch(call, call.operation, request["TableName"], request, request)]


def on_vector_index(call: Call, request: dict) -> list[Touch]:
    """SearchVectors, which has none of the condition keys of fine-grained access. Source: developer guide, "Security and
    access control" of vector indexes."""
    address = of_name(call, request["TableName"])
    return [
        Touch("dynamodb:SearchVectors", f"{address.arn}/index/{request['IndexName']}", resource_account=address.account)
    ]


def on_batch_read(call: Call, request: dict) -> list[Touch]:
    return [
        _touch(call, "BatchGetItem", name, wanted, request, wanted["Keys"])
        for name, wanted in request["RequestItems"].items()
    ]


def on_batch_write(call: Call, request: dict) -> list[Touch]:
    touches = []
    for name, writes in request["RequestItems"].items():
        keys = [one["DeleteRequest"]["Key"] for one in writes if one.get("DeleteRequest")]
        items = [one["PutRequest"]["Item"] for one in writes if one.get("PutRequest")]
        touches.append(_touch(call, "BatchWriteItem", name, {}, request, keys + items))
    return touches


def on_transaction(call: Call, request: dict) -> list[Touch]:
    touches = []
    for one in request["TransactItems"]:
        for kind, action in _TRANSACT_ACTIONS.items():
            wanted = one.get(kind)
            if wanted is not None:
                touches.append(_touch(call, action, wanted["TableName"], wanted, request, enclosing=call.operation))
    return touches


async def on_changed_table(call: Call, request: dict) -> list[Touch]:
    """UpdateTable; replicas take permissions in their own regions. Source: developer guide, "DynamoDB global tables
    security", "Creating replicas", "Deleting replicas"."""
    address = of_name(call, request["TableName"])
    touches = [Touch("dynamodb:UpdateTable", address.arn)]
    for update in request.get("ReplicaUpdates") or ():
        for kind, actions in _REPLICA_ACTIONS.items():
            asked = update.get(kind)
            if asked is not None:
                arn = address._replace(region=asked["RegionName"]).arn
                touches += [Touch(f"dynamodb:{action}", arn) for action in actions]
    for update in request.get("GlobalTableWitnessUpdates") or ():
        touches += [Touch(f"dynamodb:{kind}GlobalTableWitness", address.arn) for kind in update if update[kind]]
    return touches


def on_global_table(call: Call, request: dict) -> list[str]:
    """Of the version 2017.11.29."""
    return [call.arn("dynamodb", f"global-table/{request['GlobalTableName']}", region="")]


async def on_expiry(call: Call, request: dict) -> list[str]:
    """UpdateTimeToLive: the table in every region that has a replica of this account."""
    address = of_name(call, request["TableName"])
    table = await call.read(find, address)
    regions = () if table is None or table.members else table.replicas
    return [address.arn, *(address._replace(region=region).arn for region in regions)]


def on_resource(call: Call, request: dict) -> list[str]:
    return [request["ResourceArn"]]


def on_policed(call: Call, request: dict) -> list[str]:
    """The operations on policies. AWS says whose they are before it asks who may."""
    check_owner(call, request["ResourceArn"])
    return [request["ResourceArn"]]


def on_tagged(call: Call, request: dict) -> list[Touch]:
    return [Touch("dynamodb:TagResource", request["ResourceArn"], request_tags=from_list(request["Tags"]))]


def on_untagged(call: Call, request: dict) -> list[Touch]:
    # The keys alone are what aws:TagKeys is about.
    tags = dict.fromkeys(request["TagKeys"], "")
    return [Touch("dynamodb:UntagResource", request["ResourceArn"], request_tags=tags)]


def on_backup(call: Call, request: dict) -> list[str]:
    return [request["BackupArn"]]


def on_restored_backup(call: Call, request: dict) -> list[Touch]:
    """A restore reads the backup and fills the new table."""
    target = of_name(call, request["TargetTableName"]).arn
    return [Touch("dynamodb:RestoreTableFromBackup", request["BackupArn"]), *_filled(target)]


def on_restored_moment(call: Call, request: dict) -> list[Touch]:
    """The source is what it takes RestoreTableToPointInTime on. Source: developer guide, "Using IAM with DynamoDB backup
    and restore", the note below example 5."""
    source, target = of_source(call, request).arn, of_name(call, request["TargetTableName"]).arn
    return [Touch("dynamodb:RestoreTableToPointInTime", source), *_filled(target)]


def _filled(table_arn: str) -> list[Touch]:
    """The dependent actions of restores. Source: Service Authorization Reference, "Actions defined by DynamoDB"."""
    return [Touch(f"dynamodb:{action}", table_arn) for action in _FILLING_ACTIONS]


def on_table_arn(call: Call, request: dict) -> list[str]:
    return [request["TableArn"]]


def on_export(call: Call, request: dict) -> list[str]:
    return [request["ExportArn"]]


def on_import(call: Call, request: dict) -> list[str]:
    return [request["ImportArn"]]


def on_imported_table(call: Call, request: dict) -> list[str]:
    return [of_name(call, request["TableCreationParameters"]["TableName"]).arn]


def on_listed(call: Call, request: dict) -> list[str]:
    """ListExports, ListImports: the table where one is named."""
    return [request.get("TableArn") or "*"]


def on_nothing(call: Call, request: dict) -> list[str]:
    return ["*"]


def _touch(
    call: Call,
    action: str,
    name: str,
    wanted: dict,
    request: dict,
    named: Sequence[dict] | None = None,
    enclosing: str = "",
) -> Touch:
    """What an access to a table or to an index of it touches; see AccessKeys."""
    address = of_name(call, name)
    index = wanted.get("IndexName")
    arn = f"{address.arn}/index/{index}" if index else address.arn
    keys = AccessKeys(call, address, action, wanted, request, named, enclosing)
    return Touch(f"dynamodb:{action}", arn, keys, resource_account=address.account)


RESOURCES = {
    "BatchExecuteStatement": permissions.on_batch,
    "BatchGetItem": on_batch_read,
    "BatchWriteItem": on_batch_write,
    "CreateBackup": on_table,
    "CreateGlobalTable": on_global_table,
    "CreateTable": on_new_table,
    "DeleteBackup": on_backup,
    "DeleteItem": on_item,
    "DeleteResourcePolicy": on_policed,
    "DeleteTable": on_table,
    "DescribeBackup": on_backup,
    "DescribeContinuousBackups": on_table,
    "DescribeContributorInsights": on_table_or_index,
    "DescribeEndpoints": on_nothing,
    "DescribeExport": on_export,
    "DescribeGlobalTable": on_global_table,
    "DescribeGlobalTableSettings": on_global_table,
    "DescribeImport": on_import,
    "DescribeKinesisStreamingDestination": on_table,
    "DescribeLimits": on_nothing,
    "DescribeTable": on_table,
    "DescribeTableReplicaAutoScaling": on_table,
    "DescribeTimeToLive": on_table,
    "ExecuteStatement": permissions.on_statement,
    "ExecuteTransaction": permissions.on_transaction,
    "ExportTableToPointInTime": on_table_arn,
    "GetItem": on_item,
    "GetResourcePolicy": on_policed,
    "ImportTable": on_imported_table,
    "ListBackups": on_nothing,
    "ListContributorInsights": on_nothing,
    "ListExports": on_listed,
    "ListGlobalTables": on_nothing,
    "ListImports": on_listed,
    "ListTables": on_nothing,
    "ListTagsOfResource": on_resource,
    "PutItem": on_item,
    "PutResourcePolicy": on_policed,
    "Query": on_item,
    "RestoreTableFromBackup": on_restored_backup,
    "RestoreTableToPointInTime": on_restored_moment,
    "Scan": on_item,
    "SearchVectors": on_vector_index,
    "TagResource": on_tagged,
    "TransactGetItems": on_transaction,
    "TransactWriteItems": on_transaction,
    "UntagResource": on_untagged,
    "UpdateContinuousBackups": on_table,
    "UpdateContributorInsights": on_table_or_index,
    "UpdateGlobalTable": on_global_table,
    "UpdateGlobalTableSettings": on_global_table,
    "UpdateItem": on_item,
    "UpdateTable": on_changed_table,
    "UpdateTableReplicaAutoScaling": on_table,
    "UpdateTimeToLive": on_expiry,
}


ACROSS_ACCOUNTS = frozenset(
    (
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
        "DeleteTable",
        "DescribeStream",
        "DescribeTable",
        "GetItem",
        "GetRecords",
        "GetShardIterator",
        "ListTagsOfResource",
        "PutItem",
        "Query",
        "Scan",
        "SearchVectors",
        "TagResource",
        "TransactGetItems",
        "TransactWriteItems",
        "UntagResource",
        "UpdateItem",
        "UpdateTable",
    )
)
"""The operations for which a policy lets other accounts in; the rest is for the owner's alone, whatever it says.
Source: developer guide, "DynamoDB API operations supported by resource-based policies"."""


def resource_policy(tx: Transaction, call: Call, arn: str) -> str | None:
    """The table's policy, which is its indexes' too, or the stream's. Backups, exports and imports have none."""
    address = of_arn(arn)
    if address is None or (address.account != call.account and call.operation not in ACROSS_ACCOUNTS):
        return None
    table = find(tx, address)
    if table is None:
        return None
    if arn == table.arn:
        policy = table.policy
    elif arn.startswith(f"{table.arn}/stream/"):
        policy = table.stream_policies.get(arn)
    else:
        policy = table.policy if arn.startswith(f"{table.arn}/index/") else None
    return None if policy is None else policy.document


def resource_tags(tx: Transaction, call: Call, arn: str) -> dict[str, str] | None:
    address = of_arn(arn)
    table = None if address is None else find(tx, address)
    return None if table is None else tags_of(table, arn)
