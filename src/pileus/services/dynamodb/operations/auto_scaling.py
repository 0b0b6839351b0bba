"""Auto scaling of global tables, as one sees and sets it at once for all their regions.

Source: API reference, DescribeTableReplicaAutoScaling, UpdateTableReplicaAutoScaling; the texts and how they go together
with Application Auto Scaling were recorded on AWS in October 2026.
"""

from collections.abc import Iterator
from typing import NamedTuple

from pileus.authn.linked_roles import DYNAMODB_AUTO_SCALING
from pileus.kernel.call import Call
from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.addresses import of_name
from pileus.services.dynamodb.auto_scaling import Asking
from pileus.services.dynamodb.errors import ResourceNotFoundException
from pileus.services.dynamodb.scalable import METRICS, READ, WRITE, Ask, Dimension, let_scale, settings_of, stop_scaling
from pileus.services.dynamodb.state import replicas, rights, tables
from pileus.services.dynamodb.state.records import TableRecord

REQUIRED = ("MaximumUnits", "ScalingPolicyUpdate", "MinimumUnits")
TARGET_MIN, TARGET_MAX = 10.0, 90.0


class Asked(NamedTuple):
    """An AutoScalingSettingsUpdate. region: "" where it is of all regions, as writes are."""

    region: str
    index: str
    kind: str
    settings: dict


async def describe_table_replica_auto_scaling(call: Call, request: dict) -> dict:
    """How reads and writes of a global table scale in each of its regions, by the regions' names.

    errors   ResourceNotFoundException, also of a table without replicas
    source   DynamoDB API reference, DescribeTableReplicaAutoScaling
    """
    table = await _require_global(call, request)
    return {"TableAutoScalingDescription": await _description_out(call, table)}


async def update_table_replica_auto_scaling(call: Call, request: dict) -> dict:
    """Change how a global table scales: writes in all its regions, reads in those that are named.

    request  UpdateTableReplicaAutoScalingInput. AutoScalingRoleArn can only be the service-linked role
    errors   ResourceNotFoundException, ValidationException
    source   DynamoDB API reference, UpdateTableReplicaAutoScaling
    """
    asked = list(_asked(request))
    for one in asked:
        _check(call, request["TableName"], one)
    table = await _require_global(call, request)
    members = await _members(call, table)
    for one in asked:
        _check_there(table, members, one)
    _check_billing(table, members, asked)
    await call.read(rights.check_settings, table)
    asking = await Asking.begin(call, *members.values())
    for one in asked:
        for member in (members[one.region],) if one.region else tuple(members.values()):
            of = Dimension(member.name, one.index, one.kind)
            await _bring(asking.there(member.address), of, one.settings)
    return {"TableAutoScalingDescription": await _description_out(call, await call.read(tables.named, table.address))}


# What is asked for


def _asked(request: dict) -> Iterator[Asked]:
    """Raises ValidationException where a part asks for nothing."""
    name = request["TableName"]
    writes, indexes = (
        request.get("ProvisionedWriteCapacityAutoScalingUpdate"),
        request.get("GlobalSecondaryIndexUpdates"),
    )
    updates = request.get("ReplicaUpdates")
    if writes is None and indexes is None and updates is None:
        raise _failed(name, "because at least one update parameter must be specified.")
    regions = [update["RegionName"] for update in updates or ()]
    repeated = sorted({region for region in regions if regions.count(region) > 1})
    if repeated:
        raise _failed(name, f"because the regions: ‘[{', '.join(repeated)}]’ were specified more than once.")
    if writes is not None:
        yield Asked("", "", WRITE, writes)
    for index in indexes or ():
        yield Asked(
            "", index.get("IndexName") or "", WRITE, index.get("ProvisionedWriteCapacityAutoScalingUpdate") or {}
        )
    for update in updates or ():
        reads = update.get("ReplicaProvisionedReadCapacityAutoScalingUpdate")
        of_indexes = update.get("ReplicaGlobalSecondaryIndexUpdates")
        if reads is None and not of_indexes:
            where = f"for region: ‘{update['RegionName']}’."
            raise _failed(name, f"because at least one update parameter must be specified {where}")
        if reads is not None:
            yield Asked(update["RegionName"], "", READ, reads)
        for index in of_indexes or ():
            settings = index.get("ProvisionedReadCapacityAutoScalingUpdate") or {}
            yield Asked(update["RegionName"], index.get("IndexName") or "", READ, settings)


def _check(call: Call, name: str, asked: Asked) -> None:
    """What can be refused before anything is looked for, so that nothing is left half done."""
    given = [member for member in REQUIRED if asked.settings.get(member) is not None]
    if asked.settings.get("AutoScalingDisabled"):
        if given:
            said = ", ".join(f"'{member}'" for member in given)
            raise ValidationException(
                f"Failed to update settings for global table with name ‘{name}’: Parameters {said} must be left blank "
                "when disabling auto scaling."
            )
        return
    missing = ", ".join(f"'{member}'" for member in REQUIRED if member not in given)
    if missing:
        raise _failed(name, f"Parameters {missing} are required unless auto scaling is being disabled.", colon=True)
    role = asked.settings.get("AutoScalingRoleArn")
    if role is not None and role != DYNAMODB_AUTO_SCALING.arn(call):
        raise _of_auto_scaling(
            call,
            f"User: {call.principal.arn} is not authorized to perform: iam:PassRole on resource: {role} because no "
            "identity-based policy allows the iam:PassRole action",
        )
    if asked.settings["MaximumUnits"] < asked.settings["MinimumUnits"]:
        raise _of_auto_scaling(call, "Maximum capacity cannot be less than minimum capacity")
    target = asked.settings["ScalingPolicyUpdate"]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
    if not 8.51592e-109 <= target <= 1.174271e108:
        raise _of_auto_scaling(
            call,
            "For target tracking scaling, target value must be between '8.51592E-109' and '1.174271E108', but was "
            f"'{target}'.",
        )
    if not TARGET_MIN <= target <= TARGET_MAX:
        raise _of_auto_scaling(
            call,
            f"For predefined metric type {METRICS[asked.kind]}, target value must be between '{TARGET_MIN}' and '{TARGET_MAX}', but "
            f"was '{target}'.",
        )


def _check_there(table: TableRecord, members: dict[str, TableRecord], asked: Asked) -> None:
    """Raise ResourceNotFoundException for a region without a replica, and for an index that is not ACTIVE."""
    if asked.region and asked.region not in members:
        raise ResourceNotFoundException(
            f"Failed to update settings for global table with name: ‘{table.name}’ because a replica does not exist in "
            f"region: ‘{asked.region}’."
        )
    if asked.region in table.members:
        raise _failed(table.name, "because reads of a replica are scaled by the account that owns it.")
    index = table.index(asked.index) if asked.index else None
    if asked.index and (index is None or index.is_local or index.status != "ACTIVE"):
        why = (
            f"a global secondary index with name: ‘{asked.index}’ does not exist in region: ‘{asked.region}’."
            if asked.region
            else f"the global secondary indexes with names: ‘[{asked.index}]’ do not exist."
        )
        raise ResourceNotFoundException(
            f"Failed to update settings for global table with name: ‘{table.name}’ because {why}"
        )


def _check_billing(table: TableRecord, members: dict[str, TableRecord], asked: list[Asked]) -> None:
    """An on-demand table has nothing to scale; but it may be told to scale no longer."""
    if table.billing == "PROVISIONED" or all(one.settings.get("AutoScalingDisabled") for one in asked):
        return
    regions = ", ".join(f"'{region.upper()}'" for region in sorted(members))
    writes = any(one.kind == WRITE for one in asked)
    parameter = "GlobalTableProvisionedWriteCapacity" if writes else "ReplicaProvisionedReadCapacity"
    raise ValidationException(
        f"Failed to update global table with name ‘{table.name}‘. Replicas {regions} BillingMode is PayPerRequest. You "
        "must convert table's BillingMode to PROVISIONED to set parameters: "
        f"'{parameter}AutoScalingSettingsUpdate'."
    )


def _failed(name: str, why: str, *, colon: bool = False) -> ValidationException:
    return ValidationException(
        f"Failed to update settings for global table with name: ‘{name}’{':' if colon else ''} {why}"
    )


def _of_auto_scaling(call: Call, message: str) -> ValidationException:
    """What Application Auto Scaling said, as DynamoDB passes it on."""
    return ValidationException(
        f"{message} (Service: AWSApplicationAutoScaling; Status Code: 400; Error Code: ValidationException; Request ID: "
        f"{call.request_id}; Proxy: null)"
    )


# What is done, and said


async def _require_global(call: Call, request: dict) -> TableRecord:
    address = of_name(call, request["TableName"])
    table = await call.read(tables.find, address)
    if table is None or not table.replicas:
        raise ResourceNotFoundException(f"Global table with name: '{address.name}' does not exist.")
    return table


async def _members(call: Call, table: TableRecord) -> dict[str, TableRecord]:
    """The group's tables by region, in the order of the regions' names."""
    others = await call.read(replicas.others, table)
    return {one.region: one for one in sorted((table, *others), key=lambda one: one.region)}


async def _bring(ask: Ask, of: Dimension, settings: dict) -> None:
    if settings.get("AutoScalingDisabled"):
        await stop_scaling(ask, of)
        return
    policy = settings["ScalingPolicyUpdate"]
    bounds = settings["MinimumUnits"], settings["MaximumUnits"]
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    await let_scale(ask, of, bounds, tracking, policy.get("PolicyName") or "")


async def _description_out(call: Call, table: TableRecord) -> dict:
    members = await _members(call, table)
    asking = await Asking.begin(call, *members.values(), only_looks=True)
    shown = []
    for region, member in members.items():
        ask = asking.there(member.address)
        indexes = [
            {
                "IndexName": index.name,
                "IndexStatus": index.status,
                "ProvisionedReadCapacityAutoScalingSettings": await _settings_out(ask, member, index.name, READ),
                "ProvisionedWriteCapacityAutoScalingSettings": await _settings_out(ask, member, index.name, WRITE),
            }
            for index in member.global_indexes
            if index.status == "ACTIVE"
        ]
        shown.append(
            {
                "RegionName": region,
                "GlobalSecondaryIndexes": indexes,
                "ReplicaProvisionedReadCapacityAutoScalingSettings": await _settings_out(ask, member, "", READ),
                "ReplicaProvisionedWriteCapacityAutoScalingSettings": await _settings_out(ask, member, "", WRITE),
                "ReplicaStatus": member.status,
            }
        )
    return {"TableName": table.name, "TableStatus": table.status, "Replicas": shown}


async def _settings_out(ask: Ask, member: TableRecord, index_name: str, kind: str) -> dict:
    """AutoScalingSettingsDescription. A target that has no policy is shown as none."""
    found = await settings_of(ask, Dimension(member.name, index_name, kind))
    if found.target is None or not found.policies:
        return {"AutoScalingDisabled": True, "ScalingPolicies": []}
    policy = {
        "PolicyName": found.policies[0]["PolicyName"],
        "TargetTrackingScalingPolicyConfiguration": found.tracking,
    }
    out = {
        "MinimumUnits": found.target["MinCapacity"],
        "MaximumUnits": found.target["MaxCapacity"],
        "AutoScalingRoleArn": found.target["RoleARN"],
        "ScalingPolicies": [policy],
    }
    return out if member.billing == "PROVISIONED" else out | {"AutoScalingDisabled": True}
