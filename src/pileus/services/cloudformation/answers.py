"""Rows as the API shows them."""

import json
from datetime import UTC, datetime
from typing import Any

from pileus.services.cloudformation.state import ChangeSet
from pileus.stacks.records import Blueprint, Resource, Stack, StackEvent
from pileus.stacks.template import Template

NOT_CHECKED = {"StackDriftStatus": "NOT_CHECKED"}
RESOURCE_NOT_CHECKED = {"StackResourceDriftStatus": "NOT_CHECKED"}


def moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def present(**members: Any) -> dict[str, Any]:
    """Without those that are not there."""
    return {name: value for name, value in members.items() if value not in (None, "")}


def stack_out(stack: Stack, blueprint: Blueprint | None) -> dict[str, Any]:
    return present(
        StackId=stack.id,
        StackName=stack.name,
        ChangeSetId=stack.change_set_id,
        Description=None if blueprint is None else blueprint.description,
        Parameters=None if blueprint is None else parameters_out(blueprint) or None,
        CreationTime=moment(stack.created_ms),
        LastUpdatedTime=None if stack.updated_ms is None else moment(stack.updated_ms),
        DeletionTime=None if stack.deleted_ms is None else moment(stack.deleted_ms),
        RollbackConfiguration={},
        StackStatus=stack.status,
        StackStatusReason=None if stack.reason == "User Initiated" else stack.reason,
        DisableRollback=stack.disable_rollback,
        NotificationARNs=[],
        TimeoutInMinutes=stack.timeout_minutes,
        Capabilities=None if blueprint is None or not blueprint.capabilities else blueprint.capabilities,
        Outputs=[output.shown() for output in stack.outputs] or None,
        RoleARN=stack.role_arn,
        Tags=[] if blueprint is None else tags_out(blueprint.tags),
        EnableTerminationProtection=stack.is_protected,
        ParentId=stack.parent_id,
        RootId=stack.root_id,
        DriftInformation=NOT_CHECKED,
        RetainExceptOnCreate=stack.retain_except_on_create or None,
    )


def summary_out(stack: Stack, description: str | None) -> dict[str, Any]:
    return present(
        StackId=stack.id,
        StackName=stack.name,
        TemplateDescription=description,
        CreationTime=moment(stack.created_ms),
        LastUpdatedTime=None if stack.updated_ms is None else moment(stack.updated_ms),
        DeletionTime=None if stack.deleted_ms is None else moment(stack.deleted_ms),
        StackStatus=stack.status,
        StackStatusReason=None if stack.reason == "User Initiated" else stack.reason,
        ParentId=stack.parent_id,
        RootId=stack.root_id,
        DriftInformation=NOT_CHECKED,
    )


def parameters_out(blueprint: Blueprint) -> list[dict[str, Any]]:
    return [parameter.shown() for parameter in blueprint.parameters.values()]


def tags_out(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def event_out(stack: Stack, event: StackEvent) -> dict[str, Any]:
    out = present(
        StackId=stack.id,
        EventId=event.id,
        StackName=stack.name,
        LogicalResourceId=event.logical_id,
        ResourceType=event.type,
        Timestamp=moment(event.at_ms),
        ResourceStatus=event.status,
        ResourceStatusReason=event.reason,
        ClientRequestToken=event.client_token,
        ResourceProperties=None if event.properties is None else json.dumps(event.properties, separators=(",", ":")),
    )
    out["PhysicalResourceId"] = event.physical_id
    return out


def resource_out(stack: Stack, row: Resource) -> dict[str, Any]:
    """Of DescribeStackResources."""
    return {
        "StackName": stack.name,
        "StackId": stack.id,
        **resource_summary(row, timestamp="Timestamp"),
    }


def resource_detail(stack: Stack, row: Resource) -> dict[str, Any]:
    """Of DescribeStackResource."""
    metadata = row.source.get("Metadata")
    return {
        "StackName": stack.name,
        "StackId": stack.id,
        **resource_summary(row),
        **({} if metadata is None else {"Metadata": json.dumps(metadata, separators=(",", ":"))}),
    }


def resource_summary(row: Resource, *, timestamp: str = "LastUpdatedTimestamp") -> dict[str, Any]:
    return present(
        LogicalResourceId=row.logical_id,
        PhysicalResourceId=row.physical_id,
        ResourceType=row.type,
        **{timestamp: moment(row.updated_ms)},
        ResourceStatus=row.status,
        ResourceStatusReason=row.reason,
        DriftInformation=RESOURCE_NOT_CHECKED,
    )


def change_set_summary(change_set: ChangeSet, execution: str, stack: Stack) -> dict[str, Any]:
    return present(
        StackId=change_set.stack_id,
        StackName=stack.name,
        ChangeSetId=change_set.id,
        ChangeSetName=change_set.name,
        ExecutionStatus=execution,
        Status=change_set.status,
        StatusReason=change_set.reason,
        CreationTime=moment(change_set.created_ms),
        Description=change_set.description,
        IncludeNestedStacks=False,
    )


def change_set_out(
    change_set: ChangeSet, execution: str, stack: Stack, blueprint: Blueprint | None, changes: list[dict]
) -> dict[str, Any]:
    return {
        **change_set_summary(change_set, execution, stack),
        **present(
            Parameters=None if blueprint is None else parameters_out(blueprint),
            NotificationARNs=[],
            RollbackConfiguration={},
            Capabilities=change_set.capabilities or None,
            Tags=tags_out(change_set.tags) or None,
            OnStackFailure=change_set.on_failure,
            Changes=changes,
        ),
    }


def declared_parameters(template: Template) -> list[dict[str, Any]]:
    """Of ValidateTemplate."""
    return [
        {
            "ParameterKey": name,
            **present(DefaultValue=_text(declared.get("Default")), Description=declared.get("Description")),
            "NoEcho": _text(declared.get("NoEcho")) == "true",
        }
        for name, declared in template.parameters.items()
    ]


def summarized_parameters(template: Template) -> list[dict[str, Any]]:
    """Of GetTemplateSummary."""
    out = []
    for basic, declared in zip(declared_parameters(template), template.parameters.values(), strict=True):
        allowed = declared.get("AllowedValues")
        constraints = {} if allowed is None else {"AllowedValues": [_text(value) for value in allowed]}
        out.append({**basic, "ParameterType": declared["Type"], "ParameterConstraints": constraints})
    return out


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
