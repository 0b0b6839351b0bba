"""The CloudFormation type AWS::DynamoDB::GlobalTable, made of DynamoDB's public operations.

Its properties are those of one table in several regions. Seen from one region it is a table like any other: `seen_from`
says which AWS::DynamoDB::Table that is, and the steps of bringing.py make it so. First the stack's own region, whose
settings the replicas follow; then replicas go and come; then each region's own settings.

Where replicas are of several accounts, each is a stack of its own account's (joined.py), and this one's others are none of
its business: what all share, a template can't change any more.

Source: CloudFormation template reference, AWS::DynamoDB::GlobalTable.
"""

from typing import Any

from pileus.services.dynamodb.resources import bringing, joined, scaling
from pileus.services.dynamodb.resources.shapes import GLOBAL_TABLE_PROPERTIES
from pileus.services.dynamodb.scalable import READ, WRITE, Dimension
from pileus.stacks.intrinsics import Unknown
from pileus.stacks.property_types import InvalidProperty
from pileus.stacks.resource import Created, Gone, ResourceContext, ResourceType, Updated

AS_IN_TABLES = (
    "AttributeDefinitions",
    "KeySchema",
    "LocalSecondaryIndexes",
    "TimeToLiveSpecification",
    "VectorIndexes",
    "WarmThroughput",
)
OWN_AS_IN_TABLES = (
    "ContributorInsightsSpecification",
    "DeletionProtectionEnabled",
    "KinesisStreamSpecification",
    "PointInTimeRecoverySpecification",
    "ResourcePolicy",
    "TableClass",
    "Tags",
)
EVENTUAL, STRONG = "EVENTUAL", "STRONG"
STRONG_REGIONS = 3
"""Of a global table of strong consistency, with that of a witness."""


class GlobalTable(ResourceType):
    name = "AWS::DynamoDB::GlobalTable"
    properties = GLOBAL_TABLE_PROPERTIES
    attributes = ("Arn", "StreamArn", "TableId")
    named_by = "TableName"

    def check(self, properties: dict[str, Any]) -> None:
        replicas = properties["Replicas"]
        if isinstance(replicas, Unknown) or any(isinstance(replica, Unknown) for replica in replicas):
            return
        joined.check(properties)
        regions = [replica["Region"] for replica in replicas if not isinstance(replica["Region"], Unknown)]
        if len(set(regions)) < len(regions):
            raise InvalidProperty("Replicas must not contain more than one entry of the same region")
        is_strong = properties.get("MultiRegionConsistency") == STRONG
        if len(replicas) > 1 and "StreamSpecification" not in properties and not is_strong:
            raise InvalidProperty("StreamSpecification is required where there is more than one replica")
        witnesses = properties.get("GlobalTableWitnesses") or ()
        if witnesses and properties.get("MultiRegionConsistency", EVENTUAL) == EVENTUAL:
            raise InvalidProperty("GlobalTableWitnesses can only be specified where MultiRegionConsistency is STRONG")
        if is_strong and not isinstance(witnesses, Unknown) and len(replicas) + len(witnesses) != STRONG_REGIONS:
            raise InvalidProperty(
                "A global table whose MultiRegionConsistency is STRONG must have three Replicas, or two and one of "
                "GlobalTableWitnesses"
            )
        scaling.check(properties)

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        local = seen_from(context.region, properties)
        name = properties.get("TableName") or context.physical_name(max_length=255)
        table = await bringing.made_before(context, self.name, name)
        if table is None and "GlobalTableSourceArn" in properties:
            await joined.make(context, name, properties["GlobalTableSourceArn"], local)
        elif table is None:
            await bringing.make(context, name, local)
        await context.initiated(name)
        await bringing.until_active(context, name)
        await _bring(context, name, {}, properties)
        return Created(name, await _attributes_of(context, name))

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated:
        await bringing.until_active(context, physical_id)
        table = await bringing.require(context, physical_id)
        bringing.check_indexes(table, seen_from(context.region, new))
        there = {context.region, *_replicas(table)}
        if len(there ^ _regions(new)) > 1 and STRONG not in (
            new.get("MultiRegionConsistency"),
            table.get("MultiRegionConsistency"),
        ):
            raise InvalidProperty("Cannot add or delete more than one replica in a single update")
        await _bring(context, physical_id, old, new)
        return Updated(await _attributes_of(context, physical_id))

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        """The other replicas first, one after another: the region that they were made from can't go before them."""
        table = await bringing.described(context, physical_id)
        if table is not None and not joined.is_joint(table):
            await _remove_all(context, physical_id, table)
        await bringing.delete(context, physical_id)
        for region in sorted(_regions(properties)):
            await scaling.remove(context.in_region(region), physical_id, properties)

    async def read(self, context: ResourceContext, physical_id: str) -> dict[str, Any]:
        table = await bringing.described(context, physical_id)
        if table is None:
            raise Gone(physical_id)
        found = await _shown(context, table)
        found["Replicas"] = []
        for region in (context.region, *sorted(_replicas(table))):
            there = context.in_region(region)
            found["Replicas"].append(await _replica_shown(there, await bringing.require(there, physical_id)))
        return self.coerced(found)


def seen_from(region: str, properties: dict[str, Any], table: dict | None = None) -> dict[str, Any]:
    """The properties of AWS::DynamoDB::Table that the replica in this region has. Raises InvalidProperty.

    table  as it is: what scales has the capacity that it has now
    """
    replica = next((replica for replica in properties["Replicas"] if replica["Region"] == region), None)
    if replica is None:
        raise InvalidProperty(
            "Invalid request provided: The Replicas section must contain an entry for the current region"
        )
    seen = {key: properties[key] for key in AS_IN_TABLES if key in properties}
    seen |= {key: replica[key] for key in (*OWN_AS_IN_TABLES, *joined.OF_REPLICAS) if key in replica}
    if "GlobalTableSourceArn" in properties:
        return seen | joined.seen(properties, replica)
    seen["BillingMode"] = properties.get("BillingMode", "PROVISIONED")
    all_reads = [_reads(properties, one) for one in properties["Replicas"]]
    seen |= _capacity(seen["BillingMode"], properties, _reads(properties, replica), all_reads, table, table)
    own = {index["IndexName"]: index for index in replica.get("GlobalSecondaryIndexes") or ()}
    unknown = own.keys() - {index["IndexName"] for index in properties.get("GlobalSecondaryIndexes") or ()}
    if unknown:
        raise InvalidProperty(f"Replicas name indexes that the table does not have: {', '.join(sorted(unknown))}")
    if properties.get("GlobalSecondaryIndexes"):
        seen["GlobalSecondaryIndexes"] = [
            _index_seen(index, seen["BillingMode"], own.get(index["IndexName"], {}), properties, table)
            for index in properties["GlobalSecondaryIndexes"]
        ]
    if "SSESpecification" in properties:
        seen["SSESpecification"] = {**properties["SSESpecification"], **replica.get("SSESpecification", {})}
    if "StreamSpecification" in properties:
        seen["StreamSpecification"] = {
            **properties["StreamSpecification"],
            **replica.get("ReplicaStreamSpecification", {}),
        }
    return seen


def _index_seen(
    index: dict[str, Any], billing: str, own: dict[str, Any], properties: dict[str, Any], table: dict | None
) -> dict[str, Any]:
    name = index["IndexName"]
    seen = {key: index[key] for key in ("IndexName", "KeySchema", "Projection", "WarmThroughput") if key in index}
    if "ContributorInsightsSpecification" in own:
        seen["ContributorInsightsSpecification"] = own["ContributorInsightsSpecification"]
    of_replicas = [_reads(index, _index_of(replica, name)) for replica in properties["Replicas"]]
    described = next((one for one in (table or {}).get("GlobalSecondaryIndexes", ()) if one["IndexName"] == name), None)
    return seen | _capacity(billing, index, _reads(index, own), of_replicas, table, described)


def _reads(everywhere: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Of a table or an index: what a replica says of reads, or else what is said for all."""
    names = ("ReadOnDemandThroughputSettings", "ReadProvisionedThroughputSettings")
    return {name: everywhere[name] for name in names if name in everywhere} | own


def _index_of(replica: dict[str, Any], name: str) -> dict[str, Any]:
    """What a replica says of an index."""
    return next((one for one in replica.get("GlobalSecondaryIndexes") or () if one["IndexName"] == name), {})


def _capacity(
    billing: str,
    writes: dict[str, Any],
    reads: dict[str, Any],
    all_reads: list[dict[str, Any]],
    table: dict | None,
    described: dict | None,
) -> dict[str, Any]:
    """ProvisionedThroughput or OnDemandThroughput of a table or an index: writes are everybody's, reads the replica's.

    all_reads         what each replica says of it
    table, described  how the table, and what this is of, are now; None: there is none yet
    """
    if billing == "PROVISIONED":
        written = scaling.settings_in(writes.get("WriteProvisionedThroughputSettings"), WRITE)
        read = reads.get("ReadProvisionedThroughputSettings") or {}
        scaled = scaling.settings_in(read, READ)
        if written is None or (scaled is None and "ReadCapacityUnits" not in read):
            raise InvalidProperty(
                "WriteProvisionedThroughputSettings and ReadProvisionedThroughputSettings must be specified when "
                "BillingMode is PROVISIONED"
            )
        becomes = table is not None and bringing.billing_of(table) != billing
        now = None if becomes or described is None else described["ProvisionedThroughput"]
        if becomes:
            read_units = max(_seed(one) for one in all_reads)
        elif scaled is None:
            read_units = read["ReadCapacityUnits"]
        else:
            read_units = scaling.units(scaled, READ, now, becomes_provisioned=False)
        write_units = scaling.units(written, WRITE, now, becomes_provisioned=becomes)
        return {"ProvisionedThroughput": {"ReadCapacityUnits": read_units, "WriteCapacityUnits": write_units}}
    limits = {**(writes.get("WriteOnDemandThroughputSettings") or {}), **_read_limit(reads)}
    return {"OnDemandThroughput": limits} if limits else {}


def _seed(reads: dict[str, Any]) -> int:
    """The reads that a replica, or its index, asks for when the table becomes provisioned: the most of any is what all get."""
    read = reads.get("ReadProvisionedThroughputSettings") or {}
    if "ReadCapacityUnits" in read:
        return read["ReadCapacityUnits"]
    return scaling.units(scaling.settings_in(read, READ) or {}, READ, None, becomes_provisioned=True)


def _read_limit(reads: dict[str, Any]) -> dict[str, int]:
    return reads.get("ReadOnDemandThroughputSettings") or {}


def _replicas(table: dict[str, Any]) -> set[str]:
    """The other regions of the stack's table."""
    return set() if joined.is_joint(table) else {replica["RegionName"] for replica in table.get("Replicas", ())}


def _regions(properties: dict[str, Any]) -> set[str]:
    return {replica["Region"] for replica in properties["Replicas"]}


async def _bring(context: ResourceContext, name: str, old: dict[str, Any], properties: dict[str, Any]) -> None:
    table = await bringing.require(context, name)
    local = seen_from(context.region, properties, table)
    if joined.is_joint(table):
        was = seen_from(context.region, old) if context.region in (_regions(old) if old else ()) else {}
        await joined.bring(context, name, was, local)
        return
    gone = [region for region in sorted(_replicas(table)) if region not in _regions(properties)]
    if gone and table.get("MultiRegionConsistency") == STRONG:
        await _remove_all(context, name, table)
    for region in gone:
        await _remove(context, name, region)
        await scaling.remove(context.in_region(region), name, old)
    await bringing.drop_indexes(context, name, local)
    await bringing.bring_settings(context, name, local)
    await bringing.bring_indexes(context, name, local)
    await _bring_encryption(context, name, properties)
    await bringing.bring_stream(context, name, local)
    await bringing.bring_expiry(context, name, local)
    await scaling.bring(context, name, old, properties)
    await bringing.until_active(context, name)
    if properties.get("MultiRegionConsistency") == STRONG:
        await _bring_strong(context, name, properties)
    for region in sorted(_regions(properties) - {context.region}):
        await _bring_replica(context, name, region, properties)
    for region in sorted(_regions(properties)):
        was = seen_from(region, old) if region in (_regions(old) if old else ()) else {}
        there, wanted = context.in_region(region), seen_from(region, properties)
        if region != context.region:
            await scaling.bring(there, name, old, properties)
        await bringing.until_active(context, name)
        await bringing.bring_protection(there, name, wanted)
        await joined.bring_membership(there, name, wanted)
        await bringing.bring_own(there, name, was, wanted)


async def _bring_strong(context: ResourceContext, name: str, properties: dict[str, Any]) -> None:
    """Make all replicas and the witness at once: a group of strong consistency is made whole."""
    table = await bringing.require(context, name)
    others = sorted(_regions(properties) - {context.region})
    if table.get("Replicas") or not others:
        return
    creates = [{"Create": {"RegionName": region, **_created(region, properties, table)}} for region in others]
    asked: dict[str, Any] = {"MultiRegionConsistency": STRONG, "ReplicaUpdates": creates}
    witnesses = properties.get("GlobalTableWitnesses") or ()
    if witnesses:
        asked["GlobalTableWitnessUpdates"] = [{"Create": {"RegionName": one["Region"]}} for one in witnesses]
    await bringing.change(context, name, asked)


async def _bring_replica(context: ResourceContext, name: str, region: str, properties: dict[str, Any]) -> None:
    """Make the replica, or bring what it overrides to what the template says."""
    table = await bringing.require(context, name)
    replica = next((one for one in table.get("Replicas", ()) if one["RegionName"] == region), None)
    wanted = _overrides(region, properties)
    if replica is None:
        asked = {"RegionName": region, **_created(region, properties, table)}
        await bringing.change(context, name, {"ReplicaUpdates": [{"Create": asked}]})
    elif any(_has(replica, key) != value for key, value in wanted.items()):
        await bringing.change(context, name, {"ReplicaUpdates": [{"Update": {"RegionName": region, **wanted}}]})


def _created(region: str, properties: dict[str, Any], table: dict) -> dict[str, Any]:
    """What a new replica of the table is asked to have of its own."""
    wanted = _overrides(region, properties)
    if wanted["TableClassOverride"] == table.get("TableClassSummary", {}).get("TableClass", "STANDARD"):
        del wanted["TableClassOverride"]
    key = seen_from(region, properties).get("SSESpecification", {}).get("KMSMasterKeyId")
    return wanted | ({"KMSMasterKeyId": key} if key is not None else {})


def _overrides(region: str, properties: dict[str, Any]) -> dict[str, Any]:
    """What the template says of this replica alone, as CreateReplicationGroupMemberAction has it."""
    replica = next(replica for replica in properties["Replicas"] if replica["Region"] == region)
    wanted: dict[str, Any] = {"TableClassOverride": replica.get("TableClass", "STANDARD")}
    is_provisioned = properties.get("BillingMode", "PROVISIONED") == "PROVISIONED"
    wanted |= _reads_overridden(replica, is_provisioned)
    indexes = [
        {"IndexName": index["IndexName"], **_reads_overridden(index, is_provisioned)}
        for index in replica.get("GlobalSecondaryIndexes") or ()
        if _reads_overridden(index, is_provisioned)
    ]
    if indexes:
        wanted["GlobalSecondaryIndexes"] = indexes
    return wanted


def _reads_overridden(reads: dict[str, Any], is_provisioned: bool) -> dict[str, Any]:
    """Of a replica or its index; reads that scale are none: what they scale to is their own anyway."""
    if not is_provisioned:
        return {"OnDemandThroughputOverride": _read_limit(reads)} if _read_limit(reads) else {}
    units = (reads.get("ReadProvisionedThroughputSettings") or {}).get("ReadCapacityUnits")
    return {} if units is None else {"ProvisionedThroughputOverride": {"ReadCapacityUnits": units}}


def _has(replica: dict[str, Any], key: str) -> Any:
    """What a ReplicaDescription says of an override."""
    if key == "TableClassOverride":
        return replica.get("ReplicaTableClassSummary", {}).get("TableClass", "STANDARD")
    if key == "GlobalSecondaryIndexes":
        overrides = ("OnDemandThroughputOverride", "ProvisionedThroughputOverride")
        return [
            {name: index[name] for name in ("IndexName", *overrides) if name in index}
            for index in replica.get(key, ())
            if any(name in index for name in overrides)
        ]
    return replica.get(key)


async def _remove_all(context: ResourceContext, name: str, table: dict) -> None:
    """Delete all replicas: one after another, or where they are of strong consistency at once and with the witness."""
    regions = [replica["RegionName"] for replica in table.get("Replicas", ())]
    if regions and table.get("MultiRegionConsistency") == STRONG:
        asked: dict[str, Any] = {"ReplicaUpdates": [{"Delete": {"RegionName": region}} for region in regions]}
        witnesses = table.get("GlobalTableWitnesses", ())
        if witnesses:
            asked["GlobalTableWitnessUpdates"] = [{"Delete": {"RegionName": one["RegionName"]}} for one in witnesses]
        await bringing.until_active(context, name)
        await context.invoke("dynamodb", "UpdateTable", {"TableName": name, **asked})
    for region in regions:
        await _remove(context, name, region)


async def _remove(context: ResourceContext, name: str, region: str) -> None:
    """Delete a replica, and wait until the table goes on without it."""

    async def is_gone() -> bool:
        table = await bringing.require(context, name)
        replica = next((one for one in table.get("Replicas", ()) if one["RegionName"] == region), None)
        is_idle = replica is not None and {replica["ReplicaStatus"], table["TableStatus"]} == {"ACTIVE"}
        if is_idle and table.get("MultiRegionConsistency") != STRONG:  # there all are being deleted
            request = {"TableName": name, "ReplicaUpdates": [{"Delete": {"RegionName": region}}]}
            await context.invoke("dynamodb", "UpdateTable", request)
        return replica is None

    await context.wait_until(is_gone, at_most_ms=bringing.READY_WITHIN_MS)
    await bringing.until_active(context, name)


async def _bring_encryption(context: ResourceContext, name: str, properties: dict[str, Any]) -> None:
    """A customer's key is each region's own, and all are said in one request."""
    wanted = bringing.encryption_asked(seen_from(context.region, properties))
    table = await bringing.require(context, name)
    replicas = [replica for replica in table.get("Replicas", ()) if replica["RegionName"] in _regions(properties)]
    has = table.get("SSEDescription", {})
    is_same = wanted["Enabled"] == (has.get("Status") == "ENABLED")
    asked: dict[str, Any] = {"SSESpecification": wanted}
    if "KMSMasterKeyId" in wanted:
        is_same = is_same and wanted["KMSMasterKeyId"] == has.get("KMSMasterKeyArn")
        updates = []
        for replica in replicas:
            key = seen_from(replica["RegionName"], properties)["SSESpecification"].get("KMSMasterKeyId")
            is_same = is_same and key == replica.get("KMSMasterKeyId")
            updates.append({"Update": {"RegionName": replica["RegionName"], "KMSMasterKeyId": key}})
        if updates:
            asked["ReplicaUpdates"] = updates
    if not is_same:
        await bringing.change(context, name, asked)


async def _attributes_of(context: ResourceContext, name: str) -> dict[str, str]:
    table = await bringing.require(context, name)
    return {**await bringing.attributes_of(context, name), "TableId": table["TableId"]}


async def _shown(context: ResourceContext, table: dict[str, Any]) -> dict[str, Any]:
    """What is the same in all regions, as it is."""
    properties = await bringing.properties_of(context, table)
    found = {key: value for key, value in properties.items() if key not in OWN_AS_IN_TABLES}
    found.get("StreamSpecification", {}).pop("Tags", None)
    for of, index_name in _capacities(found):
        throughput = of.pop("ProvisionedThroughput", None)
        limits = of.pop("OnDemandThroughput", {})
        of.pop("ContributorInsightsSpecification", None)
        if throughput is not None:
            writes = await scaling.shown(context, Dimension(table["TableName"], index_name, WRITE), throughput)
            of |= {"WriteProvisionedThroughputSettings": writes} if writes else {}
        if "MaxWriteRequestUnits" in limits:
            of["WriteOnDemandThroughputSettings"] = {"MaxWriteRequestUnits": limits["MaxWriteRequestUnits"]}
    if table.get("MultiRegionConsistency") == STRONG:
        found["MultiRegionConsistency"] = STRONG
    if "GlobalTableWitnesses" in table:
        found["GlobalTableWitnesses"] = [{"Region": one["RegionName"]} for one in table["GlobalTableWitnesses"]]
    return found


async def _replica_shown(context: ResourceContext, table: dict[str, Any]) -> dict[str, Any]:
    """What a replica has of its own, as it is in the context's region."""
    properties = await bringing.properties_of(context, table)
    found = {"Region": context.region, **{key: properties[key] for key in OWN_AS_IN_TABLES if key in properties}}
    found |= joined.shown(table)
    if "Tags" in properties.get("StreamSpecification", {}):
        found["ReplicaStreamSpecification"] = {"Tags": properties["StreamSpecification"]["Tags"]}
    indexes = []
    for of, index_name in _capacities(properties):
        own = found if not index_name else {"IndexName": index_name}
        if index_name and "ContributorInsightsSpecification" in of:
            own["ContributorInsightsSpecification"] = of["ContributorInsightsSpecification"]
        if "ProvisionedThroughput" in of:
            dimension = Dimension(table["TableName"], index_name, READ)
            own["ReadProvisionedThroughputSettings"] = await scaling.shown(
                context, dimension, of["ProvisionedThroughput"]
            )
        if "MaxReadRequestUnits" in of.get("OnDemandThroughput", {}):
            limit = of["OnDemandThroughput"]["MaxReadRequestUnits"]
            own["ReadOnDemandThroughputSettings"] = {"MaxReadRequestUnits": limit}
        if index_name and own.keys() > {"IndexName"}:
            indexes.append(own)
    return found | ({"GlobalSecondaryIndexes": indexes} if indexes else {})


def _capacities(properties: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """The table's and its global indexes' properties, each with the index's name."""
    return [(properties, ""), *((index, index["IndexName"]) for index in properties.get("GlobalSecondaryIndexes", ()))]
