"""Auto scaling of a global table's capacity, as its template says: settings of Application Auto Scaling in each region.

What scales keeps the capacity that it has now, whatever a template's update changes; MinCapacity is what it begins with,
and SeedCapacity what it begins with where the table becomes provisioned.

Source: CloudFormation template reference, AWS::DynamoDB::GlobalTable CapacityAutoScalingSettings, TargetTrackingScaling
PolicyConfiguration; that the handler calls Application Auto Scaling itself is in the resource's list of permissions.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from pileus.services.dynamodb.scalable import (
    READ,
    SERVICE,
    UNITS,
    WRITE,
    Ask,
    Dimension,
    let_scale,
    settings_of,
    stop_scaling,
)
from pileus.stacks.property_types import InvalidProperty
from pileus.stacks.resource import ResourceContext


class Scaled(NamedTuple):
    """What of a replica scales: reads or writes of the table (index ""), or of a global index; settings: of its template."""

    index: str
    kind: str
    settings: dict[str, Any]


def settings_in(throughput: dict[str, Any] | None, kind: str) -> dict[str, Any] | None:
    """CapacityAutoScalingSettings of a ReadProvisionedThroughputSettings or WriteProvisionedThroughputSettings."""
    return (throughput or {}).get(f"{kind.title()}CapacityAutoScalingSettings")


def of_region(region: str, properties: dict[str, Any]) -> Iterator[Scaled]:
    """Everything that scales in the region."""
    replica = next((one for one in properties.get("Replicas") or () if one["Region"] == region), None)
    if replica is None or properties.get("BillingMode", "PROVISIONED") != "PROVISIONED":
        return
    own = {index["IndexName"]: index for index in replica.get("GlobalSecondaryIndexes") or ()}
    places = [("", properties, replica)]
    for index in properties.get("GlobalSecondaryIndexes") or ():
        places.append((index["IndexName"], index, own.get(index["IndexName"], {})))
    for name, writes, reads in places:
        for kind, settings in (
            (WRITE, settings_in(writes.get("WriteProvisionedThroughputSettings"), WRITE)),
            (READ, settings_in(reads.get("ReadProvisionedThroughputSettings"), READ)),
        ):
            if settings is not None:
                yield Scaled(name, kind, settings)


def check(properties: dict[str, Any]) -> None:
    """Raise InvalidProperty where both a fixed capacity and a scaled one are given."""
    for replica in properties["Replicas"]:
        indexes = replica.get("GlobalSecondaryIndexes")
        for reads in (replica, *(indexes if isinstance(indexes, list) else ())):
            given = reads.get("ReadProvisionedThroughputSettings") if isinstance(reads, dict) else None
            if isinstance(given, dict) and {"ReadCapacityUnits", "ReadCapacityAutoScalingSettings"} <= given.keys():
                raise InvalidProperty(
                    "You must specify a value for either ReadCapacityUnits or ReadCapacityAutoScalingSettings, but not both"
                )


def units(settings: dict[str, Any], kind: str, now: dict[str, Any] | None, *, becomes_provisioned: bool) -> int:
    """The capacity that a request names of what scales. now: ProvisionedThroughput as it is; None: there is none yet."""
    if now is not None:
        return now[UNITS[kind]]
    if not becomes_provisioned:
        return settings["MinCapacity"]
    if "SeedCapacity" not in settings:
        raise InvalidProperty(
            "SeedCapacity must be specified for each autoscaled resource when BillingMode is switched from "
            "PAY_PER_REQUEST to PROVISIONED"
        )
    return settings["SeedCapacity"]


async def bring(context: ResourceContext, name: str, old: dict[str, Any], properties: dict[str, Any]) -> None:
    """Set the scaling of the context's region as the template says; what no longer scales is no longer told to."""
    wanted = {(one.index, one.kind): one.settings for one in of_region(context.region, properties)}
    for one in of_region(context.region, old):
        if (one.index, one.kind) not in wanted:
            await stop_scaling(_asking(context), Dimension(name, one.index, one.kind))
    for (index, kind), settings in wanted.items():
        bounds = settings["MinCapacity"], settings["MaxCapacity"]
        tracking = settings["TargetTrackingScalingPolicyConfiguration"]
        await let_scale(_asking(context), Dimension(name, index, kind), bounds, tracking)


async def remove(context: ResourceContext, name: str, properties: dict[str, Any]) -> None:
    """The table's region goes: its settings would outlive it."""
    for one in of_region(context.region, properties):
        await stop_scaling(_asking(context), Dimension(name, one.index, one.kind))


async def shown(context: ResourceContext, of: Dimension, throughput: dict[str, Any]) -> dict[str, Any]:
    """ReadProvisionedThroughputSettings or WriteProvisionedThroughputSettings as they are in the context's region.

    throughput   ProvisionedThroughput as it is; writes that don't scale have no settings
    """
    found = await settings_of(_asking(context), of)
    if found.target is None or not found.policies:
        return {UNITS[READ]: throughput[UNITS[READ]]} if of.kind == READ else {}
    return {
        f"{of.kind.title()}CapacityAutoScalingSettings": {
            "MinCapacity": found.target["MinCapacity"],
            "MaxCapacity": found.target["MaxCapacity"],
            "TargetTrackingScalingPolicyConfiguration": found.tracking,
        }
    }


def _asking(context: ResourceContext) -> Ask:
    return partial(context.invoke, SERVICE)
