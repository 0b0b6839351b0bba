"""Resource policies of functions: who else may invoke them."""

from functools import cache

import orjson

from pileus.kernel.call import Call
from pileus.protocol import models
from pileus.services.lambda_ import errors
from pileus.services.lambda_.names import LATEST, FunctionRef, function_ref
from pileus.services.lambda_.principals import principal_out
from pileus.services.lambda_.transitions import permissions


async def add_permission(call: Call, request: dict) -> dict:
    """Add a statement to the policy of a function, a version or an alias.

    errors   ResourceNotFoundException, ResourceConflictException, InvalidParameterValueException,
             PreconditionFailedException, PolicyLengthExceededException
    """
    ref = _policy_ref(call, request)
    action = request["Action"]
    if "*" not in action and action.lower() not in _actions():
        # That AWS refuses it is known, its words are not.
        raise errors.InvalidParameterValueException(
            f"The provided action {action} was invalid. Please check the action and try again."
        )
    if request.get("FunctionUrlAuthType") and action != "lambda:InvokeFunctionUrl":
        # Recorded answers of AWS, quoted in public Terraform modules.
        raise errors.InvalidParameterValueException(
            "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action"
        )
    statement = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": await principal_out(call, request["Principal"]),
        "Action": action,
        "Resource": ref.arn,
    }
    conditions = _conditions(request)
    if conditions:
        statement["Condition"] = conditions
    await call.write(permissions.add_permission, ref, statement, request.get("RevisionId"))
    return {"Statement": orjson.dumps(statement).decode()}


async def remove_permission(call: Call, request: dict) -> dict:
    """Remove a statement.

    errors   ResourceNotFoundException, PreconditionFailedException
    """
    ref = _policy_ref(call, request)
    await call.write(permissions.remove_permission, ref, request["StatementId"], request.get("RevisionId"))
    return {}


async def get_policy(call: Call, request: dict) -> dict:
    """The policy as JSON text.

    errors   ResourceNotFoundException where there is none
    """
    policy = await call.read(permissions.require_policy, _policy_ref(call, request))
    return {"Policy": permissions.document(policy.statements), "RevisionId": policy.revision_id}


@cache
def _actions() -> frozenset[str]:
    """In lower case. Source: Service Authorization Reference, "AWS Lambda": the operations, but for those that invoke."""
    operations = set(models.load("lambda").operation_names) - {"Invoke", "InvokeWithResponseStream"}
    named = operations | {"DisableReplication", "EnableReplication", "InvokeFunction", "InvokeFunctionUrl"}
    return frozenset(f"lambda:{name.lower()}" for name in named)


def _policy_ref(call: Call, request: dict) -> FunctionRef:
    ref = function_ref(call, request["FunctionName"], request.get("Qualifier"))
    if ref.qualifier == LATEST:
        raise errors.InvalidParameterValueException("We currently do not support adding policies for $LATEST.")
    return ref


def _conditions(request: dict) -> dict:
    conditions: dict[str, dict] = {}
    equal = {
        "AWS:SourceAccount": request.get("SourceAccount"),
        "aws:PrincipalOrgID": request.get("PrincipalOrgID"),
        "lambda:EventSourceToken": request.get("EventSourceToken"),
        "lambda:FunctionUrlAuthType": request.get("FunctionUrlAuthType"),
    }
    equal = {key: value for key, value in equal.items() if value}
    if equal:
        conditions["StringEquals"] = equal
    if request.get("SourceArn"):
        conditions["ArnLike"] = {"AWS:SourceArn": request["SourceArn"]}
    if request.get("InvokedViaFunctionUrl") is not None:
        conditions["Bool"] = {"lambda:InvokedViaFunctionUrl": "true" if request["InvokedViaFunctionUrl"] else "false"}
    return conditions
