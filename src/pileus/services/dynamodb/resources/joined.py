"""What of AWS::DynamoDB::GlobalTable is about global tables of several accounts, and about how replicas hang together.

A replica of another account's table is made by the stack of its own account and has its schema from there. Each stack has
its own replica alone; what all replicas share is changed by the API and not by templates.

Source: CloudFormation template reference, AWS::DynamoDB::GlobalTable ("GlobalTableSourceArn"), AWS::DynamoDB::GlobalTable
ReplicaSpecification ("GlobalTableSettingsReplicationMode": "you cannot make changes to a synchronized setting using
CloudFormation"); developer guide, "DynamoDB multi-account global tables".
"""

from dataclasses import replace
from functools import partial
from typing import Any

from pileus.services.dynamodb.resources import bringing
from pileus.services.dynamodb.resources.shapes import policy_text
from pileus.stacks.intrinsics import Unknown
from pileus.stacks.property_types import InvalidProperty
from pileus.stacks.resource import Invoke, ResourceContext

MODE = "GlobalTableSettingsReplicationMode"
OF_REPLICAS = ("DisassociationProtectionEnabled", MODE)
"""What a replica has and a table that is none has not."""
ENABLED = "ENABLED"
OF_ALL = ("ReadOnDemandThroughputSettings", "ReadProvisionedThroughputSettings")
"""What a template may say of reads once for all: of a table that other accounts replicate."""
OWN = ("GlobalTableSourceArn", "Replicas", "SSESpecification", "TableName")
"""What a template says of a replica of another account's table."""


def is_joint(table: dict[str, Any]) -> bool:
    """Whether its replicas are of several accounts. `table`: TableDescription."""
    return bool(table.get("Replicas")) and table.get(MODE) == ENABLED


def check(properties: dict[str, Any]) -> None:
    """Raise InvalidProperty. The texts are as near as we know."""
    replicas = properties["Replicas"]
    if "GlobalTableSourceArn" in properties:
        beyond = sorted(properties.keys() - set(OWN))
        if beyond:
            raise InvalidProperty(f"{beyond[0]} cannot be specified when GlobalTableSourceArn is specified")
        if len(replicas) != 1:
            raise InvalidProperty("Replicas must contain one entry when GlobalTableSourceArn is specified")
        return
    for name in ("KeySchema", "AttributeDefinitions"):
        if properties.get(name) is None:
            raise InvalidProperty(f"Property {name} cannot be empty.")
    if len(replicas) == 1:
        return
    indexes = properties.get("GlobalSecondaryIndexes") or ()
    said = [properties, *(() if isinstance(indexes, Unknown) else indexes)]
    names = {name for one in said if isinstance(one, dict) for name in OF_ALL if name in one}
    names |= {MODE for replica in replicas if MODE in replica}
    if names:
        raise InvalidProperty(f"{min(names)} can only be specified where there is one replica")


def seen(properties: dict[str, Any], replica: dict[str, Any]) -> dict[str, Any]:
    """What a replica of another account's table has of its own beyond other replicas; see global_table.seen_from."""
    found: dict[str, Any] = {}
    if "SSESpecification" in properties or "SSESpecification" in replica:
        found["SSESpecification"] = {
            "SSEEnabled": True,
            **properties.get("SSESpecification", {}),
            **replica.get("SSESpecification", {}),
        }
    if "ReplicaStreamSpecification" in replica:
        found["StreamSpecification"] = replica["ReplicaStreamSpecification"]
    return found | {MODE: replica.get(MODE, ENABLED)}


async def make(context: ResourceContext, name: str, source_arn: str, own: dict[str, Any]) -> None:
    """Make the replica. Its policy comes with it: without one it would let nobody replicate."""
    tags = [{"Key": key, "Value": value} for key, value in context.tags_with(own.get("Tags")).items()]
    asked = {"TableName": name, "GlobalTableSourceArn": source_arn, MODE: own[MODE], "Tags": tags}
    asked |= {key: own[key] for key in ("DeletionProtectionEnabled", "TableClass") if key in own}
    if "ResourcePolicy" in own:
        asked["ResourcePolicy"] = policy_text(own["ResourcePolicy"]["PolicyDocument"])
    if "SSESpecification" in own:
        asked["SSESpecification"] = bringing.encryption_asked(own)
    await context.invoke("dynamodb", "CreateTable", asked)


async def bring(context: ResourceContext, name: str, old: dict[str, Any], own: dict[str, Any]) -> None:
    """What a replica has of its own, as the template says. Raises InvalidProperty where it says anything else of the rest.

    own   the replica as global_table.seen_from
    """
    table = await bringing.require(context, name)
    wanted = own.get("TableClass", "STANDARD")
    if wanted != table.get("TableClassSummary", {}).get("TableClass", "STANDARD"):
        await bringing.change(context, name, {"TableClass": wanted})
    await bringing.bring_encryption(context, name, own)
    await bringing.bring_protection(context, name, own)
    await bring_membership(context, name, own)
    await bringing.bring_own(context, name, old, own)
    if "KeySchema" in own:  # the template of the first of them
        looking = replace(context, invoke=partial(_look, context.invoke))
        for step in (bringing.drop_indexes, bringing.bring_settings, bringing.bring_indexes, bringing.bring_stream):
            await step(looking, name, own)
        await bringing.bring_expiry(looking, name, own)


async def _look(invoke: Invoke, service: str, operation: str, request: dict, **more: str) -> dict:
    if operation in ("UpdateTable", "UpdateTimeToLive"):
        changed = min(request.keys() - {"TableName", "AttributeDefinitions"})
        raise InvalidProperty(
            f"{changed} cannot be changed by CloudFormation while the table is a replica of a multi-account global table"
        )
    return await invoke(service, operation, request, **more)


async def bring_membership(context: ResourceContext, name: str, own: dict[str, Any]) -> None:
    """Whether the context's replica may leave its group, or a table that is none be replicated by other accounts."""
    table = await bringing.require(context, name)
    is_bound = own.get("DisassociationProtectionEnabled", True)
    if table.get("Replicas"):
        if table.get("DisassociationProtectionEnabled", is_bound) != is_bound:
            await bringing.change(context, name, {"DisassociationProtectionEnabled": is_bound})
    elif own.get(MODE) not in (None, table.get(MODE)):
        await bringing.change(context, name, {MODE: own[MODE]})


def shown(table: dict[str, Any]) -> dict[str, Any]:
    """Of a replica as it is. What is so by default is left out."""
    found: dict[str, Any] = {}
    if table.get("DisassociationProtectionEnabled") is False:
        found["DisassociationProtectionEnabled"] = False
    if table.get(MODE) in (ENABLED, "DISABLED"):
        found[MODE] = table[MODE]
    return found
