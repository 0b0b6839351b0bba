"""Auto scaling of global tables: Application Auto Scaling keeps the settings, in each region; here is who asks it.

A replica of provisioned capacity needs write capacity that scales: what one region writes, all regions must take. The
settings of writes are mirrored to a new replica's region; a new global index of a global table gets settings of its own.

Source: developer guide, "Using DynamoDB global tables" ("Capacity mode"); API reference, UpdateTableReplicaAutoScaling. That
DynamoDB asks as AWSServiceRoleForDynamoDBReplication, what it mirrors, and a new index's settings were recorded on AWS in
October 2026.
"""

from typing import Any, NamedTuple

from pileus.authn.linked_roles import DYNAMODB_REPLICATION
from pileus.kernel.call import Call
from pileus.kernel.errors import AwsError
from pileus.kernel.principal import root
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.scalable import WRITE, Dimension
from pileus.services.dynamodb.state import tables
from pileus.services.dynamodb.state.records import TableRecord
from pileus.store.events import Event

SERVICE = "application-autoscaling"
NEW_INDEX = {"MinCapacity": 1, "MaxCapacity": 10}
NEW_INDEX_TARGET = 70.0
"""Percent. What the writes of a new index are scaled by."""


class Settings(NamedTuple):
    """A ScalableTarget, None where there is none, and its ScalingPolicies."""

    target: dict | None
    policies: list[dict]


class Asking:
    """Application Auto Scaling, asked as DynamoDB's service-linked role."""

    def __init__(self, call: Call, principal: Any) -> None:
        self._call = call
        self._principal = principal

    @classmethod
    async def begin(cls, call: Call, *, only_looks: bool = False) -> "Asking":
        """only_looks: whoever looks needs no permission to make the role."""
        await DYNAMODB_REPLICATION.ensure(call, principal=root(call.account) if only_looks else None)
        return cls(call, await DYNAMODB_REPLICATION.session(call))

    async def settings(self, of: Dimension, region: str) -> Settings:
        named = of.named
        request = {
            "ServiceNamespace": named["ServiceNamespace"],
            "ResourceIds": [named["ResourceId"]],
            "ScalableDimension": named["ScalableDimension"],
        }
        targets = (await self._ask("DescribeScalableTargets", region, request))["ScalableTargets"]
        policies = (await self._ask("DescribeScalingPolicies", region, named))["ScalingPolicies"]
        return Settings(targets[0] if targets else None, policies)

    async def put(self, of: Dimension, region: str, target: dict, policy_name: str, tracking: dict) -> None:
        """Let it scale. target: members of RegisterScalableTarget; tracking: see Dimension.policy.

        A policy of another name that there was goes: one dimension has one.
        """
        await self._ask("RegisterScalableTarget", region, of.named | target)
        for policy in (await self.settings(of, region)).policies:
            if policy["PolicyName"] != policy_name:
                await self._ask("DeleteScalingPolicy", region, of.named | {"PolicyName": policy["PolicyName"]})
        await self._ask("PutScalingPolicy", region, of.policy(policy_name, tracking))

    async def remove(self, of: Dimension, region: str) -> None:
        """Let it scale no longer; fine where it doesn't."""
        try:
            await self._ask("DeregisterScalableTarget", region, of.named)
        except AwsError as error:
            if error.code != "ObjectNotFoundException":
                raise

    async def _ask(self, operation: str, region: str, request: dict) -> dict:
        return await self._call.invoke(SERVICE, operation, request, principal=self._principal, region=region)


async def scaled_writes(call: Call, table: TableRecord) -> frozenset[str]:
    """Of a table of provisioned capacity, what has write capacity that scales: "" and names of global indexes."""
    asking = await Asking.begin(call)
    names = ("", *(index.name for index in table.global_indexes))
    found = [await asking.settings(Dimension(table.name, name, WRITE), table.region) for name in names]
    return frozenset(name for name, one in zip(names, found, strict=True) if one.target is not None and one.policies)


# What follows from a change of the group


async def mirror(cloud: Any, event: Event) -> None:
    """Bring settings to a new replica's region, or make those of a new index in all of them; what somebody set meanwhile
    stays. The event's handler."""
    address = Address(*event.payload["table"])
    call = cloud.call(
        "dynamodb", "UpdateTable", principal=root(address.account), account=address.account, region=address.region
    )
    table = await call.read(tables.find, address)
    if table is None:
        return
    asking = await Asking.begin(call)
    if "replica" in event.payload:
        for name in ("", *(index.name for index in table.global_indexes)):
            await _mirror_one(asking, Dimension(table.name, name, WRITE), table.region, event.payload["replica"])
        return
    of = Dimension(table.name, event.payload["index"], WRITE)
    for region in (table.region, *table.replicas):
        if (await asking.settings(of, region)).target is None:
            await asking.put(of, region, NEW_INDEX, of.policy_name, {"TargetValue": NEW_INDEX_TARGET})


async def _mirror_one(asking: Asking, of: Dimension, source: str, region: str) -> None:
    target, policies = await asking.settings(of, source)
    if target is not None and policies and (await asking.settings(of, region)).target is None:
        (policy,) = policies
        tracking = {
            name: value
            for name, value in policy["TargetTrackingScalingPolicyConfiguration"].items()
            if name != "PredefinedMetricSpecification"
        }
        bounds = {name: target[name] for name in NEW_INDEX}
        await asking.put(of, region, bounds, policy["PolicyName"], tracking)
