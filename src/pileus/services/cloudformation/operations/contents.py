"""What stacks consist of and what happened to them: resources, events, exports."""

from typing import Any

from pileus.kernel.call import Call
from pileus.kernel.page import token_out
from pileus.services.cloudformation import answers, errors, state
from pileus.services.cloudformation.operations.stacks import page_start
from pileus.stacks import exports
from pileus.stacks.records import EXPORTS, RESOURCES, Stack
from pileus.store.transaction import Transaction


async def describe_stack_events(call: Call, request: dict) -> dict:
    """Events, the newest first, a hundred a page.

    request  DescribeStackEventsInput
    errors   ValidationError
    """
    stack = await _stack_with_events(call, request["StackName"])
    found = await call.read(state.events_of, stack, page_start(request, "DescribeStackEvents"))
    out: dict[str, Any] = {"StackEvents": [answers.event_out(stack, event) for event in found]}
    if len(found) == state.PAGE:
        out["NextToken"] = token_out("DescribeStackEvents", found[-1].number)
    return out


async def _stack_with_events(call: Call, name: str) -> Stack:
    stack = await call.read(state.find_stack, call.account, call.region, name)
    if stack is None:
        raise errors.ValidationError(f"Stack [{name}] does not exist")
    return stack


async def describe_stack_resource(call: Call, request: dict) -> dict:
    """One resource, with its metadata.

    request  DescribeStackResourceInput
    errors   ValidationError
    """
    stack = await call.read(state.find_stack, call.account, call.region, request["StackName"])
    if stack is None:
        raise errors.ValidationError(f"Stack '{request['StackName']}' does not exist")
    row = await call.read(RESOURCES.get, stack.id, request["LogicalResourceId"])
    if row is None:
        raise errors.ValidationError(f"Resource {request['LogicalResourceId']} does not exist for stack {stack.name}")
    return {"StackResourceDetail": answers.resource_detail(stack, row)}


async def describe_stack_resources(call: Call, request: dict) -> dict:
    """A stack's resources, or those of the stack that has PhysicalResourceId.

    request  DescribeStackResourcesInput
    errors   ValidationError
    """
    name, physical_id = request.get("StackName"), request.get("PhysicalResourceId")
    if bool(name) == bool(physical_id):
        raise errors.ValidationError("You must specify either StackName or PhysicalResourceId, but not both.")
    if physical_id:
        found = await call.read(state.resource_with_physical_id, call.account, call.region, physical_id)
        if found is None:
            raise errors.ValidationError(f"Stack for {physical_id} does not exist")
        stack = found[0]
    else:
        stack = await call.read(state.require_stack, call.account, call.region, name)
    rows = await call.read(state.resources_of, stack)
    wanted = request.get("LogicalResourceId")
    if wanted:
        rows = [row for row in rows if row.logical_id == wanted]
        if not rows:
            raise errors.ValidationError(f"Resource {wanted} does not exist for stack {stack.name}")
    return {"StackResources": [answers.resource_out(stack, row) for row in rows]}


async def list_exports(call: Call, request: dict) -> dict:
    """The region's exports by name, a hundred a page.

    request  ListExportsInput
    """
    found = await call.read(_exports, call.account, call.region, page_start(request, "ListExports"))
    out: dict[str, Any] = {
        "Exports": [{"ExportingStackId": row.stack_id, "Name": row.name, "Value": row.value} for row in found]
    }
    if len(found) == state.PAGE:
        out["NextToken"] = token_out("ListExports", found[-1].name)
    return out


def _exports(tx: Transaction, account: str, region: str, after: str | None) -> list:
    found = []
    for row in EXPORTS.scan(tx, account, region, after=after):
        found.append(row)
        if len(found) == state.PAGE:
            break
    return found


async def list_imports(call: Call, request: dict) -> dict:
    """The names of the stacks that use an export.

    request  ListImportsInput
    errors   ValidationError: nobody does
    """
    name = request["ExportName"]
    found = await call.read(exports.importers, call.account, call.region, name)
    if not found:
        raise errors.ValidationError(f"Export '{name}' is not imported by any stack.")
    return {"Imports": found}


async def list_stack_resources(call: Call, request: dict) -> dict:
    """Summaries of a stack's resources, a hundred a page.

    request  ListStackResourcesInput
    """
    stack = await call.read(state.require_stack, call.account, call.region, request["StackName"])
    after = page_start(request, "ListStackResources")
    rows = await call.read(state.resources_of, stack, after, state.PAGE)
    out: dict[str, Any] = {"StackResourceSummaries": [answers.resource_summary(row) for row in rows]}
    if len(rows) == state.PAGE:
        out["NextToken"] = token_out("ListStackResources", rows[-1].logical_id)
    return out
