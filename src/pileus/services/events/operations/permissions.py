"""The policy of a bus: who else may send it events, or work on its rules."""

import json

import orjson

from pileus.authz.policy import MalformedPolicyDocument, parse
from pileus.kernel.arn import partition_of
from pileus.kernel.call import Call
from pileus.services.events import errors, names
from pileus.services.events.names import BusKey
from pileus.services.events.state import buses as state
from pileus.services.events.state.tables import Bus

VERSION = "2012-10-17"


async def put_permission(call: Call, request: dict) -> dict:
    """Set the whole policy (Policy), or one statement of it (StatementId, Action, Principal, Condition).

    Both StatementId and Policy, which AWS's clients never send together: put in that policy's statement under this id
    and leave the others. So stacks do, each of which has statements of its own.

    errors   ResourceNotFoundException, PolicyLengthExceededException, ValidationException
    source   API reference, PutPermission
    """
    bus = names.bus_of(call, request.get("EventBusName"))
    statement_id, policy = request.get("StatementId"), request.get("Policy")
    if policy is not None:
        document = await _checked(call, policy)
        if statement_id is None or call.is_from_outside:
            await call.write(state.change_policy, bus, lambda _: json.dumps(document, separators=(",", ":")))
            return {}
        statement = {**_statements(document)[0], "Sid": statement_id}
    else:
        statement = await _statement(call, bus, request)
    await call.write(state.change_policy, bus, lambda found: _with(found, statement))
    return {}


async def remove_permission(call: Call, request: dict) -> dict:
    """Take a statement, or all of them, out of the policy.

    errors   ResourceNotFoundException: no such bus, policy or statement
    source   API reference, RemovePermission
    """
    bus = names.bus_of(call, request.get("EventBusName"))
    statement_id = request.get("StatementId")
    if request.get("RemoveAllPermissions"):
        await call.write(state.change_policy, bus, lambda _: "")
        return {}
    if statement_id is None:
        raise errors.ValidationException("Parameter StatementId must be specified.")
    await call.write(state.change_policy, bus, lambda found: _without(found, statement_id))
    return {}


async def _statement(call: Call, bus: BusKey, request: dict) -> dict:
    for member in ("Action", "Principal", "StatementId"):
        if not request.get(member):
            raise errors.ValidationException(f"Parameter {member} must be specified.")
    if request["Action"] != "events:PutEvents":
        raise errors.ValidationException("Provided value in parameter 'action' is not supported.")
    who = request["Principal"]
    statement = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": who if who == "*" else {"AWS": f"arn:{partition_of(bus.region)}:iam::{who}:root"},
        "Action": request["Action"],
        "Resource": bus.arn,
    }
    condition = request.get("Condition")
    if condition is not None:
        statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    await _checked(call, json.dumps({"Version": VERSION, "Statement": [statement]}))
    return statement


async def _checked(call: Call, policy: str) -> dict:
    """The document, whose users and roles are there. Raises ValidationException."""
    try:
        named = parse(policy, "resource").named()
    except MalformedPolicyDocument as error:
        raise errors.ValidationException(f"Parameter Policy is not valid. Reason: {error.message}") from None
    for name in await call.strangers(named):
        raise errors.ValidationException(
            f'Parameter Policy is not valid. Reason: Invalid principal in policy: "AWS":"{name}"'
        )
    return orjson.loads(policy)


def _statements(document: dict) -> list[dict]:
    statements = document["Statement"]
    return statements if isinstance(statements, list) else [statements]


def _with(bus: Bus, statement: dict) -> str:
    """The bus's policy with the statement, in the place of one with its id."""
    document = orjson.loads(bus.policy) if bus.policy else {"Version": VERSION, "Statement": []}
    others = [each for each in _statements(document) if each.get("Sid") != statement["Sid"]]
    return orjson.dumps({**document, "Statement": [*others, statement]}).decode()


def _without(bus: Bus, statement_id: str) -> str:
    if not bus.policy:
        raise errors.ResourceNotFoundException("EventBus does not have a policy.")
    document = orjson.loads(bus.policy)
    left = [each for each in _statements(document) if each.get("Sid") != statement_id]
    if len(left) == len(_statements(document)):
        raise errors.ResourceNotFoundException("Statement with the provided id does not exist.")
    return orjson.dumps({**document, "Statement": left}).decode() if left else ""
