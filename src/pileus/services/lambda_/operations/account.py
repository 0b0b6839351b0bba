"""Concurrency, tags, the account's limits; and what is asked about features that nobody can have switched on here."""

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.kernel.tags import tag_problem
from pileus.services.lambda_ import errors
from pileus.services.lambda_.names import (
    FunctionRef,
    function_ref,
    function_ref_of_arn,
    mapping_id_of_arn,
    unqualified_ref,
)
from pileus.services.lambda_.state import (
    ACCOUNT_CONCURRENCY,
    CODE_STORAGE_LIMIT_BYTES,
    UNZIPPED_LIMIT_BYTES,
    ZIPPED_LIMIT_BYTES,
)
from pileus.services.lambda_.transitions import codes, functions, mappings


async def put_function_concurrency(call: Call, request: dict) -> dict:
    """Reserve concurrency: so many at once at most, and nobody else gets them. 0 stops the function.

    errors   ResourceNotFoundException, InvalidParameterValueException
    """
    reserved = request["ReservedConcurrentExecutions"]
    await call.write(functions.reserve_concurrency, unqualified_ref(call, request["FunctionName"]), reserved)
    return {"ReservedConcurrentExecutions": reserved}


async def get_function_concurrency(call: Call, request: dict) -> dict:
    """Nothing where none is reserved."""
    ref = unqualified_ref(call, request["FunctionName"])
    reserved = (await call.read(functions.require_function, ref)).reserved_concurrency
    return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}


async def delete_function_concurrency(call: Call, request: dict) -> dict:
    """The function shares the account's concurrency again."""
    await call.write(functions.reserve_concurrency, unqualified_ref(call, request["FunctionName"]), None)
    return {}


async def get_account_settings(call: Call, request: dict) -> dict:
    """Limits and usage in this region."""
    used = await call.read(codes.usage, call.account, call.region)
    return {
        "AccountLimit": {
            "TotalCodeSize": CODE_STORAGE_LIMIT_BYTES,
            "CodeSizeUnzipped": UNZIPPED_LIMIT_BYTES,
            "CodeSizeZipped": ZIPPED_LIMIT_BYTES,
            "ConcurrentExecutions": ACCOUNT_CONCURRENCY,
            "UnreservedConcurrentExecutions": ACCOUNT_CONCURRENCY - used.reserved_concurrency,
        },
        "AccountUsage": {"TotalCodeSize": used.code_bytes, "FunctionCount": used.functions},
    }


async def tag_resource(call: Call, request: dict) -> dict:
    """Set tags of a function or an event source mapping.

    errors   ResourceNotFoundException, InvalidParameterValueException
    """
    if problem := tag_problem(request["Tags"], own=not call.is_from_outside):
        raise errors.InvalidParameterValueException(problem)
    mapping = mapping_id_of_arn(request["Resource"])
    if mapping is not None:
        await call.write(mappings.change_tags, mapping, request["Tags"])
    else:
        await call.write(functions.change_tags, tagged_ref(request["Resource"]), request["Tags"])
    return {}


async def untag_resource(call: Call, request: dict) -> dict:
    """Remove tags of a function or an event source mapping."""
    mapping = mapping_id_of_arn(request["Resource"])
    if mapping is not None:
        await call.write(mappings.change_tags, mapping, {}, tuple(request["TagKeys"]))
    else:
        await call.write(functions.change_tags, tagged_ref(request["Resource"]), {}, tuple(request["TagKeys"]))
    return {}


async def list_tags(call: Call, request: dict) -> dict:
    """The tags of a function or an event source mapping."""
    mapping = mapping_id_of_arn(request["Resource"])
    if mapping is not None:
        return {"Tags": (await call.read(mappings.require, mapping)).tags}
    return {"Tags": (await call.read(functions.require_function, tagged_ref(request["Resource"]))).tags}


def tagged_ref(arn: str) -> FunctionRef:
    """errors   InvalidParameterValueException; NotImplemented for what else has tags"""
    ref = function_ref_of_arn(arn)
    if ref is None:
        raise NotImplementedByUs(f"lambda: tags of {arn}")
    if ref.qualifier is not None:
        raise errors.InvalidParameterValueException("Tags on function aliases and versions are not supported.")
    return ref


# Features that can't be switched on yet: to ask about them is answered truthfully, as tools ask about each of them.


async def get_function_url_config(call: Call, request: dict) -> dict:
    """errors   ResourceNotFoundException: no function has a URL, since CreateFunctionUrlConfig is not there yet"""
    ref = function_ref(call, request["FunctionName"], request.get("Qualifier"))
    await call.read(functions.require_qualifier, ref)
    raise errors.ResourceNotFoundException()


async def list_function_url_configs(call: Call, request: dict) -> dict:
    """None: no function has a URL."""
    await call.read(functions.require_function, function_ref(call, request["FunctionName"]))
    return {"FunctionUrlConfigs": []}


async def get_provisioned_concurrency_config(call: Call, request: dict) -> dict:
    """errors   ProvisionedConcurrencyConfigNotFoundException: nothing is provisioned"""
    ref = function_ref(call, request["FunctionName"], request.get("Qualifier"))
    await call.read(functions.require_qualifier, ref)
    raise errors.ProvisionedConcurrencyConfigNotFoundException()


async def list_provisioned_concurrency_configs(call: Call, request: dict) -> dict:
    """None."""
    await call.read(functions.require_function, function_ref(call, request["FunctionName"]))
    return {"ProvisionedConcurrencyConfigs": []}


async def get_function_code_signing_config(call: Call, request: dict) -> dict:
    """No configuration's ARN, as AWS answers for a function without one."""
    ref = function_ref(call, request["FunctionName"])
    await call.read(functions.require_function, ref)
    return {"FunctionName": ref.name, "CodeSigningConfigArn": ""}


async def get_runtime_management_config(call: Call, request: dict) -> dict:
    """Auto: functions run on the interpreters that this machine has, as they are updated."""
    ref = function_ref(call, request["FunctionName"], request.get("Qualifier"))
    version = await call.read(functions.require_version, ref)
    return {"UpdateRuntimeOn": "Auto", "FunctionArn": version.ref.arn}


async def put_runtime_management_config(call: Call, request: dict) -> dict:
    """Auto is what happens anyway; there are no runtime versions to hold back."""
    if request["UpdateRuntimeOn"] != "Auto" or request.get("RuntimeVersionArn"):
        raise NotImplementedByUs(f"lambda:PutRuntimeManagementConfig with UpdateRuntimeOn {request['UpdateRuntimeOn']}")
    ref = function_ref(call, request["FunctionName"], request.get("Qualifier"))
    version = await call.read(functions.require_version, ref)
    return {"UpdateRuntimeOn": "Auto", "FunctionArn": version.ref.arn}
