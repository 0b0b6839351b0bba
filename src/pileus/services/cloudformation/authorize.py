"""What each operation touches. Source: Service Authorization Reference, "AWS CloudFormation"."""

from collections.abc import Iterable

from pileus.kernel.call import Call
from pileus.kernel.service import Touch
from pileus.kernel.tags import from_list
from pileus.services.cloudformation import state
from pileus.stacks.records import STACKS
from pileus.store.transaction import Transaction

SERVICE_NAME = "cloudformation.amazonaws.com"


def stack_arn(call: Call, name_or_id: str) -> str:
    """The stack's id; of a name that no stack has, the ARN that any of that name would match."""
    if name_or_id.startswith("arn:"):
        return name_or_id
    stack, _ = call.cloud.store.look(state.find_stack, call.account, call.region, name_or_id)
    return stack.id if stack is not None else call.arn("cloudformation", f"stack/{name_or_id}/*")


def on_stack(call: Call, request: dict) -> Iterable[str | Touch]:
    return [stack_arn(call, request["StackName"])]


def on_stack_if_named(call: Call, request: dict) -> Iterable[str | Touch]:
    if request.get("StackName"):
        return on_stack(call, request)
    return [call.arn("cloudformation", "stack/*")]


def making(call: Call, request: dict) -> Iterable[str | Touch]:
    """Operations that bring a template and may bring a role, which the caller must be allowed to pass."""
    keys: dict[str, object] = {}
    for key, member in (
        ("cloudformation:TemplateUrl", "TemplateURL"),
        ("cloudformation:RoleArn", "RoleARN"),
        ("cloudformation:StackPolicyUrl", "StackPolicyURL"),
        ("cloudformation:ChangeSetName", "ChangeSetName"),
        ("cloudformation:ResourceTypes", "ResourceTypes"),
    ):
        if request.get(member):
            keys[key] = request[member]
    action = f"cloudformation:{call.operation}"
    touches: list[str | Touch] = [
        Touch(action, stack_arn(call, request["StackName"]), keys, request_tags=from_list(request.get("Tags")))
    ]
    return touches + passed_role(request)


def passed_role(request: dict) -> list[str | Touch]:
    if not request.get("RoleARN"):
        return []
    return [Touch("iam:PassRole", request["RoleARN"], {"iam:PassedToService": SERVICE_NAME})]


def on_stack_with_role(call: Call, request: dict) -> Iterable[str | Touch]:
    keys = {"cloudformation:RoleArn": request["RoleARN"]} if request.get("RoleARN") else {}
    touch = Touch(f"cloudformation:{call.operation}", stack_arn(call, request["StackName"]), keys)
    return [touch, *passed_role(request)]


def on_change_set(call: Call, request: dict) -> Iterable[str | Touch]:
    """The permission is on the stack; the change set's name is a condition key."""
    name = request["ChangeSetName"]
    stack = request.get("StackName")
    if stack:
        arn = stack_arn(call, stack)
    else:
        change_set, _ = call.cloud.store.look(state.CHANGE_SETS.get, name)
        arn = call.arn("cloudformation", "stack/*") if change_set is None else change_set.stack_id
    if name.startswith("arn:"):
        name = name.split("/")[1] if name.count("/") >= 2 else name
    return [Touch(f"cloudformation:{call.operation}", arn, {"cloudformation:ChangeSetName": name})]


def on_template(call: Call, request: dict) -> Iterable[str | Touch]:
    if request.get("ChangeSetName") and not request.get("StackName"):
        return on_change_set(call, request)
    return on_stack_if_named(call, request)


def by_physical_id(call: Call, request: dict) -> Iterable[str | Touch]:
    if request.get("StackName"):
        return on_stack(call, request)
    found, _ = call.cloud.store.look(
        state.resource_with_physical_id, call.account, call.region, request.get("PhysicalResourceId", "")
    )
    return [call.arn("cloudformation", "stack/*") if found is None else found[0].id]


def anything(call: Call, request: dict) -> Iterable[str | Touch]:
    return ["*"]


RESOURCES = {
    "CancelUpdateStack": on_stack,
    "ContinueUpdateRollback": on_stack_with_role,
    "CreateChangeSet": making,
    "CreateStack": making,
    "DeleteChangeSet": on_change_set,
    "DeleteStack": on_stack_with_role,
    "DescribeChangeSet": on_change_set,
    "DescribeStackEvents": on_stack_if_named,
    "DescribeStackResource": on_stack,
    "DescribeStackResources": by_physical_id,
    "DescribeStacks": on_stack_if_named,
    "ExecuteChangeSet": on_change_set,
    "GetTemplate": on_template,
    "GetTemplateSummary": on_stack_if_named,
    "ListChangeSets": on_stack,
    "ListExports": anything,
    "ListImports": anything,
    "ListStackResources": on_stack,
    "ListStacks": anything,
    "UpdateStack": making,
    "UpdateTerminationProtection": on_stack,
    "ValidateTemplate": anything,
}


def resource_tags(tx: Transaction, call: Call, arn: str) -> dict[str, str] | None:
    """For aws:ResourceTag."""
    stack = STACKS.get(tx, arn)
    blueprint = None if stack is None else state.shown_blueprint(tx, stack)
    return None if blueprint is None else blueprint.tags
