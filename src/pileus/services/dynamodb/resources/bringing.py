"""Bringing a table to its template, from wherever it is: the steps that both types share.

The differences between what DescribeTable says and what the template asks become one UpdateTable after another, as the
API takes one kind of change at a time.
"""

from typing import Any

from pileus.kernel.errors import AwsError
from pileus.services.dynamodb.resources.shapes import policy_text, pruned, schema_of
from pileus.stacks.property_types import InvalidProperty
from pileus.stacks.resource import Gone, ResourceContext

GONE = ("ResourceNotFoundException",)
READY_WITHIN_MS = 3_600_000
"""Entering the items of a large table into a new index takes its time."""
SETTLED = ("ACTIVE", "REPLICATION_NOT_AUTHORIZED")
"""The latter lasts until somebody changes a policy, perhaps the template that waits."""
OWNERSHIP_TAGS = ("aws:cloudformation:stack-id", "aws:cloudformation:logical-id")
AS_CREATED = (
    "AttributeDefinitions",
    "BillingMode",
    "DeletionProtectionEnabled",
    "GlobalSecondaryIndexes",
    "GlobalTableSettingsReplicationMode",
    "KeySchema",
    "LocalSecondaryIndexes",
    "OnDemandThroughput",
    "ProvisionedThroughput",
    "TableClass",
    "VectorIndexes",
    "WarmThroughput",
)
"""Properties that are parameters of CreateTable, by the same name and in the same shape."""


class AlreadyExists(AwsError):
    """Somebody else's table, or one that was made by hand."""


class ImportFailed(AwsError):
    """A table that ImportSourceSpecification fills, not with everything."""


class InsightsFailed(AwsError):
    """Contributor insights that could not be enabled."""


async def made_before(context: ResourceContext, type_name: str, name: str) -> dict | None:
    """The table that this step made before it was killed; refuses anybody else's."""
    table = await described(context, name)
    if table is None:
        return None
    tags = await tags_of(context, table["TableArn"])
    if any(tags.get(key) != context.tags.get(key) for key in OWNERSHIP_TAGS):
        raise AlreadyExists(f"Resource of type '{type_name}' with identifier '{name}' already exists.")
    return table


async def make(context: ResourceContext, name: str, properties: dict[str, Any]) -> None:
    tags = [{"Key": key, "Value": value} for key, value in context.tags_with(properties.get("Tags")).items()]
    asked = _as_created(properties) | {"TableName": name, "Tags": tags}
    if "StreamSpecification" in properties:
        view_type = properties["StreamSpecification"]["StreamViewType"]
        asked["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view_type}
    if "SSESpecification" in properties:
        asked["SSESpecification"] = encryption_asked(properties)
    await context.invoke("dynamodb", "CreateTable", asked)


async def make_by_import(context: ResourceContext, name: str, properties: dict[str, Any]) -> None:
    """Fill a new table, or wait for it. It takes no tags before it is there, so its token says that it is ours."""
    if "StreamSpecification" in properties:
        raise InvalidProperty("A table that is imported can't have a StreamSpecification.")
    request = {
        **properties["ImportSourceSpecification"],
        "TableCreationParameters": {"TableName": name, **_as_created(properties)},
        "ClientToken": context.client_token[:36],
    }
    made = (await context.invoke("dynamodb", "ImportTable", request))["ImportTableDescription"]
    await context.initiated(name)

    async def described() -> dict:
        answer = await context.invoke("dynamodb", "DescribeImport", {"ImportArn": made["ImportArn"]})
        return answer["ImportTableDescription"]

    async def has_ended() -> bool:
        return (await described())["ImportStatus"] != "IN_PROGRESS"

    await context.wait_until(has_ended, at_most_ms=READY_WITHIN_MS)
    ended = await described()
    if ended["ImportStatus"] != "COMPLETED":
        raise ImportFailed(f"{ended['FailureCode']}: {ended['FailureMessage']}")


def _as_created(properties: dict[str, Any]) -> dict[str, Any]:
    return {key: pruned(properties[key]) for key in AS_CREATED if key in properties}


async def bring(context: ResourceContext, name: str, old: dict[str, Any], properties: dict[str, Any]) -> None:
    """Make the table what the template says, from wherever it is. `old`: what the template said before."""
    for step in (drop_indexes, bring_settings, bring_indexes, bring_encryption, bring_stream):
        await step(context, name, properties)
    await bring_expiry(context, name, properties)
    await bring_own(context, name, old, properties)


async def bring_own(context: ResourceContext, name: str, old: dict[str, Any], properties: dict[str, Any]) -> None:
    """Of that what each replica of a global table has for itself: recovery, Kinesis, policies, insights, tags."""
    if "PointInTimeRecoverySpecification" in {**old, **properties}:
        await bring_recovery(context, name, properties)
    await bring_kinesis(context, name, old.get("KinesisStreamSpecification"), properties)
    table = await require(context, name)
    await bring_policy(context, table["TableArn"], properties.get("ResourcePolicy"))
    stream = properties.get("StreamSpecification")
    if stream is not None:
        await bring_policy(context, table["LatestStreamArn"], stream.get("ResourcePolicy"))
        await retag(context, table["LatestStreamArn"], {tag["Key"]: tag["Value"] for tag in stream.get("Tags") or ()})
    await bring_insights(context, name, old, properties)
    await retag(context, table["TableArn"], context.tags_with(properties.get("Tags")))


async def delete(context: ResourceContext, name: str) -> None:
    """Delete the table and wait until it is gone; fine where it is gone already."""

    async def is_gone() -> bool:
        table = await described(context, name)
        if table is None:
            return True
        if _is_active(table):
            await context.invoke_unless_gone("dynamodb", "DeleteTable", {"TableName": name}, gone=GONE)
        return False

    await context.wait_until(is_gone, at_most_ms=READY_WITHIN_MS)


def check_indexes(table: dict, properties: dict[str, Any]) -> None:
    """What CloudFormation refuses of changes to global and vector indexes. `table`: as it is, for a rollback finds it unchanged."""
    had = {index["IndexName"]: index for index in table.get("GlobalSecondaryIndexes") or ()}
    has = {index["IndexName"]: index for index in properties.get("GlobalSecondaryIndexes") or ()}
    if len(had.keys() ^ has.keys()) > 1:
        raise InvalidProperty("Cannot perform more than one GSI creation or deletion in a single update")
    for name in had.keys() & has.keys():
        if _fixed(had[name]) != _fixed(has[name]):
            raise InvalidProperty(
                "Cannot update GSI's properties other than Provisioned Throughput and Contributor Insights "
                "Specification. You can create a new GSI with a different name."
            )
    of_vectors = [_by_name(of, "VectorIndexes") for of in (table, properties)]
    for name in of_vectors[0].keys() & of_vectors[1].keys():
        if _fixed_vectors(of_vectors[0][name]) != _fixed_vectors(of_vectors[1][name]):
            # "Update requires: Updates are not supported" of each property; CloudFormation's text is not recorded.
            raise InvalidProperty(
                f"Cannot update the properties of the vector index {name}. You can create a new one with a different name."
            )


def _fixed(index: dict) -> tuple[list, dict]:
    """What of an index can't be changed."""
    return index["KeySchema"], _sorted_projection(index)


def _fixed_vectors(index: dict) -> dict:
    """The same of a vector index: all of it."""
    return schema_of(index, "VectorIndexes") | {"Projection": _sorted_projection(index)}


def _sorted_projection(index: dict) -> dict:
    projection = dict(index["Projection"])
    if "NonKeyAttributes" in projection:
        projection["NonKeyAttributes"] = sorted(projection["NonKeyAttributes"])
    return projection


def _by_name(of: dict, member: str) -> dict[str, dict]:
    return {index["IndexName"]: index for index in of.get(member) or ()}


async def bring_settings(context: ResourceContext, name: str, properties: dict[str, Any]) -> None:
    """Billing, throughput, class and protection: one UpdateTable each, as the API takes no two of them together."""
    table = await require(context, name)
    for asked in (
        _billing_asked(table, properties),
        *_on_demand_asked(table, properties),
        *_warm_asked(table, properties),
        _class_asked(table, properties),
        _protection_asked(table, properties),
    ):
        if asked:
            await change(context, name, asked)


def _billing_asked(table: dict, properties: dict[str, Any]) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    billing = properties.get("BillingMode", "PROVISIONED")
    if billing != billing_of(table):
        asked["BillingMode"] = billing
    if billing == "PROVISIONED" and "ProvisionedThroughput" in properties:
        wanted = properties["ProvisionedThroughput"]
        if asked or _differs(table.get("ProvisionedThroughput"), wanted):
            asked["ProvisionedThroughput"] = wanted
        updates = _index_updates(table, properties, "ProvisionedThroughput", is_new_mode="BillingMode" in asked)
        if updates:
            asked["GlobalSecondaryIndexUpdates"] = updates
    return asked


def _on_demand_asked(table: dict, properties: dict[str, Any]) -> list[dict[str, Any]]:
    if properties.get("BillingMode", "PROVISIONED") != "PAY_PER_REQUEST":
        return []
    # A change of billing, which comes first, has taken the limits away.
    has = table.get("OnDemandThroughput") if billing_of(table) == "PAY_PER_REQUEST" else None
    wanted = _limits(properties.get("OnDemandThroughput"), has)
    return [
        {"OnDemandThroughput": wanted} if wanted and _differs(has, wanted) else {},
        _of_indexes(_index_updates(table, properties, "OnDemandThroughput")),
    ]


def _limits(wanted: dict | None, has: dict | None) -> dict[str, int]:
    """With -1 for each limit there is and no longer should be, as the API wants to be told."""
    return {member: -1 for member in has or ()} | (wanted or {})


def _warm_asked(table: dict, properties: dict[str, Any]) -> list[dict[str, Any]]:
    wanted = properties.get("WarmThroughput")
    return [
        {"WarmThroughput": wanted} if wanted and _differs(table.get("WarmThroughput"), wanted) else {},
        _of_indexes(_index_updates(table, properties, "WarmThroughput")),
    ]


def _class_asked(table: dict, properties: dict[str, Any]) -> dict[str, Any]:
    wanted = properties.get("TableClass", "STANDARD")
    return {} if wanted == table.get("TableClassSummary", {}).get("TableClass", "STANDARD") else {"TableClass": wanted}


def _protection_asked(table: dict, properties: dict[str, Any]) -> dict[str, Any]:
    wanted = bool(properties.get("DeletionProtectionEnabled"))
    is_same = wanted == bool(table.get("DeletionProtectionEnabled"))
    return {} if is_same else {"DeletionProtectionEnabled": wanted}


async def bring_protection(context: ResourceContext, name: str, properties: dict[str, Any]) -> None:
    asked = _protection_asked(await require(context, name), properties)
    if asked:
        await change(context, name, asked)


def billing_of(table: dict) -> str:
    return table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")


def _differs(has: dict | None, wanted: dict) -> bool:
    return any((has or {}).get(member) != value for member, value in wanted.items())


def _of_indexes(updates: list[dict]) -> dict[str, Any]:
    return {"GlobalSecondaryIndexUpdates": updates} if updates else {}


def _index_updates(table: dict, properties: dict[str, Any], key: str, *, is_new_mode: bool = False) -> list[dict]:
    """Updates of the global indexes that are there and whose `key` is not as the template says."""
    described = {index["IndexName"]: index for index in table.get("GlobalSecondaryIndexes", ())}
    updates = []
    for index in properties.get("GlobalSecondaryIndexes") or ():
        if index["IndexName"] not in described:
            continue
        has, wanted = described[index["IndexName"]].get(key), index.get(key)
        if key == "OnDemandThroughput":
            wanted = _limits(wanted, has)
        if wanted and (is_new_mode or _differs(has, wanted)):
            updates.append({"Update": {"IndexName": index["IndexName"], key: wanted}})
    return updates


async def drop_indexes(context: ResourceContext, name: str, properties: dict[str, Any]) -> None:
    """Global and vector indexes that the template no longer has: before the settings, which would have to name them, or
    would not go with them."""
    wanted = {index["IndexName"] for index in properties.get("GlobalSecondaryIndexes") or ()}
    table = await require(context, name)
    for index_name in sorted({index["IndexName"] for index in table.get("GlobalSecondaryIndexes", ())} - wanted):
        await change(context, name, {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": index_name}}]})
    for index_name in sorted(_by_name(table, "VectorIndexes").keys() - _by_name(properties, "VectorIndexes").keys()):
        await change(context, name, {"VectorIndexUpdates": [{"Delete": {"IndexName": index_name}}]})


async def bring_indexes(context: ResourceContext, name: str, properties: dict[str, Any]) -> None:
    """Global and vector indexes, one at a time: the API takes no two."""
    wanted = {index["IndexName"]: index for index in properties.get("GlobalSecondaryIndexes") or ()}
    table = await require(context, name)
    has = {index["IndexName"] for index in table.get("GlobalSecondaryIndexes", ())}
    for index_name in [index_name for index_name in wanted if index_name not in has]:
        request = {
            "AttributeDefinitions": properties["AttributeDefinitions"],
            "GlobalSecondaryIndexUpdates": [{"Create": pruned(wanted[index_name])}],
        }
        await change(context, name, request)
    there = _by_name(table, "VectorIndexes")
    for index_name, index in _by_name(properties, "VectorIndexes").items():
        if index_name not in there:
            request = {
                "AttributeDefinitions": properties["AttributeDefinitions"],
                "VectorIndexUpdates": [{"Create": index}],
            }
            await change(context, name, request)


async def bring_encryption(context: ResourceContext, name: str, properties: dict[str, Any]) -> None:
    table = await require(context, name)
    has = table.get("SSEDescription", {})
    wanted = encryption_asked(properties)
    is_on = has.get("Status") in ("ENABLED", "UPDATING", "ENABLING")
    if wanted["Enabled"] != is_on or wanted.get("KMSMasterKeyId", has.get("KMSMasterKeyArn")) != has.get(
        "KMSMasterKeyArn"
    ):
        await change(context, name, {"SSESpecification": wanted})


def encryption_asked(properties: dict[str, Any]) -> dict[str, Any]:
    """The API's SSESpecification, which calls SSEEnabled otherwise and takes neither key nor kind where it is off."""
    specified = dict(properties.get("SSESpecification") or {})
    if not specified.pop("SSEEnabled", False):
        return {"Enabled": False}
    kind = {"SSEType": "KMS"} if "KMSMasterKeyId" in specified else {}
    return {"Enabled": True, **kind, **specified}


async def bring_stream(context: ResourceContext, name: str, properties: dict[str, Any]) -> None:
    """Another view type is another stream: the one there is ends first."""
    wanted = (properties.get("StreamSpecification") or {}).get("StreamViewType")
    table = await require(context, name)
    has = table.get("StreamSpecification", {}).get("StreamViewType")
    if has is not None and has != wanted:
        await change(context, name, {"StreamSpecification": {"StreamEnabled": False}})
    if wanted is not None and has != wanted:
        await change(context, name, {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": wanted}})


async def bring_expiry(context: ResourceContext, name: str, properties: dict[str, Any]) -> None:
    answer = await context.invoke("dynamodb", "DescribeTimeToLive", {"TableName": name})
    described = answer["TimeToLiveDescription"]
    has = described.get("AttributeName") if described["TimeToLiveStatus"] in ("ENABLED", "ENABLING") else None
    specified = properties.get("TimeToLiveSpecification") or {}
    wanted = specified.get("AttributeName", "") if specified.get("Enabled") else None
    changes = [(False, has)] if has is not None and has != wanted else []
    if wanted is not None and has != wanted:
        changes.append((True, wanted))
    for is_enabled, attribute in changes:
        specification = {"Enabled": is_enabled} | ({"AttributeName": attribute} if attribute else {})
        await context.invoke(
            "dynamodb", "UpdateTimeToLive", {"TableName": name, "TimeToLiveSpecification": specification}
        )


async def bring_recovery(context: ResourceContext, name: str, properties: dict[str, Any]) -> None:
    wanted = {"PointInTimeRecoveryEnabled": False, **(properties.get("PointInTimeRecoverySpecification") or {})}
    answer = await context.invoke("dynamodb", "DescribeContinuousBackups", {"TableName": name})
    has = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    is_on = has.get("PointInTimeRecoveryStatus") == "ENABLED"
    days = wanted.get("RecoveryPeriodInDays")
    if is_on != wanted["PointInTimeRecoveryEnabled"] or (is_on and days not in (None, has.get("RecoveryPeriodInDays"))):
        await context.invoke(
            "dynamodb",
            "UpdateContinuousBackups",
            {"TableName": name, "PointInTimeRecoverySpecification": wanted},
        )


async def bring_insights(context: ResourceContext, name: str, old: dict[str, Any], properties: dict[str, Any]) -> None:
    """Contributor insights of the table and of its global indexes; what the template no longer names is disabled."""
    wanted = _insights(properties)
    for index_name in sorted(wanted.keys() | (_insights(old).keys() & _indexes_of(properties))):
        specified = wanted.get(index_name, {"Enabled": False})
        request = {"TableName": name} | ({"IndexName": index_name} if index_name else {})
        if specified["Enabled"]:
            asked = {"ContributorInsightsAction": "ENABLE"}
            asked |= {"ContributorInsightsMode": specified["Mode"]} if "Mode" in specified else {}
        else:
            asked = {"ContributorInsightsAction": "DISABLE"}
        await context.invoke("dynamodb", "UpdateContributorInsights", request | asked)
        await _until_insights_settled(context, request)


def _insights(properties: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """ContributorInsightsSpecification by the index's name, "" for the table."""
    found = {"": properties.get("ContributorInsightsSpecification")}
    for index in properties.get("GlobalSecondaryIndexes") or ():
        found[index["IndexName"]] = index.get("ContributorInsightsSpecification")
    return {index_name: specified for index_name, specified in found.items() if specified is not None}


def _indexes_of(properties: dict[str, Any]) -> set[str]:
    return {"", *(index["IndexName"] for index in properties.get("GlobalSecondaryIndexes") or ())}


async def _until_insights_settled(context: ResourceContext, request: dict[str, str]) -> None:
    async def described() -> dict:
        return await context.invoke("dynamodb", "DescribeContributorInsights", request)

    async def is_settled() -> bool:
        return (await described())["ContributorInsightsStatus"] not in ("ENABLING", "DISABLING")

    await context.wait_until(is_settled, at_most_ms=READY_WITHIN_MS)
    failure = (await described()).get("FailureException")
    if failure is not None:
        raise InsightsFailed(f"{failure['ExceptionName']}: {failure['ExceptionDescription']}")


async def bring_kinesis(
    context: ResourceContext, name: str, old: dict[str, Any] | None, properties: dict[str, Any]
) -> None:
    specified = properties.get("KinesisStreamSpecification")
    if old == specified:
        return
    if old is not None:
        request = {"TableName": name, "StreamArn": old["StreamArn"]}
        await context.invoke("dynamodb", "DisableKinesisStreamingDestination", request)
    if specified is not None:
        request = {"TableName": name, "StreamArn": specified["StreamArn"]}
        if "ApproximateCreationDateTimePrecision" in specified:
            precision = specified["ApproximateCreationDateTimePrecision"]
            request["EnableKinesisStreamingConfiguration"] = {"ApproximateCreationDateTimePrecision": precision}
        await context.invoke("dynamodb", "EnableKinesisStreamingDestination", request)


async def bring_policy(context: ResourceContext, arn: str, specified: dict[str, Any] | None) -> None:
    answer = await context.invoke_unless_gone(
        "dynamodb", "GetResourcePolicy", {"ResourceArn": arn}, gone=("PolicyNotFoundException",)
    )
    if specified is not None:
        await context.invoke(
            "dynamodb",
            "PutResourcePolicy",
            {"ResourceArn": arn, "Policy": policy_text(specified["PolicyDocument"])},
        )
    elif answer is not None:
        await context.invoke("dynamodb", "DeleteResourcePolicy", {"ResourceArn": arn})


async def change(context: ResourceContext, name: str, asked: dict[str, Any]) -> None:
    await context.invoke("dynamodb", "UpdateTable", {"TableName": name, **asked})
    await until_active(context, name)


async def until_active(context: ResourceContext, name: str) -> None:
    async def is_active() -> bool:
        table = await require(context, name)
        members = [replica["ReplicaStatus"] for replica in table.get("Replicas", ())]
        members += [witness["WitnessStatus"] for witness in table.get("GlobalTableWitnesses", ())]
        return _is_active(table) and all(status in SETTLED for status in members)

    await context.wait_until(is_active, at_most_ms=READY_WITHIN_MS)


def _is_active(table: dict) -> bool:
    """With its indexes: while one is being made the table can't be deleted."""
    indexes = (*table.get("GlobalSecondaryIndexes", ()), *table.get("VectorIndexes", ()))
    statuses = [index["IndexStatus"] for index in indexes]
    return all(status in SETTLED for status in (table["TableStatus"], *statuses))


async def described(context: ResourceContext, name: str) -> dict | None:
    answer = await context.invoke_unless_gone("dynamodb", "DescribeTable", {"TableName": name}, gone=GONE)
    return None if answer is None else answer["Table"]


async def require(context: ResourceContext, name: str) -> dict:
    table = await described(context, name)
    if table is None:
        raise Gone(name)
    return table


async def attributes_of(context: ResourceContext, name: str) -> dict[str, str]:
    table = await require(context, name)
    attributes = {"Arn": table["TableArn"]}
    if table.get("StreamSpecification", {}).get("StreamEnabled"):
        attributes["StreamArn"] = table["LatestStreamArn"]
    return attributes


async def tags_of(context: ResourceContext, arn: str) -> dict[str, str]:
    found: dict[str, str] = {}
    more: dict[str, str] = {}
    while True:
        answer = await context.invoke("dynamodb", "ListTagsOfResource", {"ResourceArn": arn, **more})
        found |= {tag["Key"]: tag["Value"] for tag in answer.get("Tags", ())}
        if "NextToken" not in answer:
            return found
        more = {"NextToken": answer["NextToken"]}


async def retag(context: ResourceContext, arn: str, tags: dict[str, str]) -> None:
    has = await tags_of(context, arn)
    surplus = [key for key in has if key not in tags]
    if surplus:
        await context.invoke("dynamodb", "UntagResource", {"ResourceArn": arn, "TagKeys": surplus})
    missing = [{"Key": key, "Value": value} for key, value in tags.items() if has.get(key) != value]
    if missing:
        await context.invoke("dynamodb", "TagResource", {"ResourceArn": arn, "Tags": missing})


async def properties_of(context: ResourceContext, table: dict) -> dict[str, Any]:
    """The properties as the table has them now; what is as by default is left out."""
    name = table["TableName"]
    found: dict[str, Any] = {
        "TableName": name,
        "AttributeDefinitions": table["AttributeDefinitions"],
        "KeySchema": table["KeySchema"],
        "BillingMode": table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
        "DeletionProtectionEnabled": bool(table.get("DeletionProtectionEnabled")),
    }
    is_provisioned = found["BillingMode"] == "PROVISIONED"
    if is_provisioned:
        found["ProvisionedThroughput"] = schema_of(table["ProvisionedThroughput"], "ProvisionedThroughput")
    if "OnDemandThroughput" in table:
        found["OnDemandThroughput"] = table["OnDemandThroughput"]
    if "TableClassSummary" in table:
        found["TableClass"] = table["TableClassSummary"]["TableClass"]
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes", "VectorIndexes"):
        if table.get(kind):
            found[kind] = [schema_of(index, kind, is_provisioned) for index in table[kind]]
    if table.get("StreamSpecification", {}).get("StreamEnabled"):
        found["StreamSpecification"] = {"StreamViewType": table["StreamSpecification"]["StreamViewType"]}
        tags = await tags_of(context, table["LatestStreamArn"])
        if tags:
            found["StreamSpecification"]["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    if table.get("SSEDescription", {}).get("Status") == "ENABLED":
        found["SSESpecification"] = {"SSEEnabled": True, "SSEType": "KMS"}
    answer = await context.invoke("dynamodb", "DescribeTimeToLive", {"TableName": name})
    if "AttributeName" in answer["TimeToLiveDescription"]:
        attribute = answer["TimeToLiveDescription"]["AttributeName"]
        found["TimeToLiveSpecification"] = {"Enabled": True, "AttributeName": attribute}
    await _add_insights(context, found)
    tags = {key: value for key, value in (await tags_of(context, table["TableArn"])).items() if key not in context.tags}
    if tags:
        found["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    return found


async def _add_insights(context: ResourceContext, found: dict[str, Any]) -> None:
    name = found["TableName"]
    request = {"TableName": name}
    summaries: list[dict] = []
    while True:
        answer = await context.invoke("dynamodb", "ListContributorInsights", request)
        summaries += answer["ContributorInsightsSummaries"]
        if "NextToken" not in answer:
            break
        request["NextToken"] = answer["NextToken"]
    by_index = {index["IndexName"]: index for index in found.get("GlobalSecondaryIndexes", ())}
    for summary in summaries:
        of = by_index.get(summary["IndexName"]) if "IndexName" in summary else found
        if of is not None and summary["ContributorInsightsStatus"] in ("ENABLED", "ENABLING"):
            of["ContributorInsightsSpecification"] = {"Enabled": True, "Mode": summary["ContributorInsightsMode"]}
