"""Functions: create, look at, change, delete."""

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.kernel.tags import tag_problem
from pileus.services.lambda_ import code, errors
from pileus.services.lambda_.destinations import require_dead_letter_permission
from pileus.services.lambda_.names import FunctionRef, function_ref, unqualified_ref
from pileus.services.lambda_.operations.paging import marker_in, page
from pileus.services.lambda_.running import settled
from pileus.services.lambda_.settings import read_settings, require_fitting
from pileus.services.lambda_.shapes import configuration_out, summary_out
from pileus.services.lambda_.state import Configuration, Version
from pileus.services.lambda_.transitions import functions

NAME_LIMIT_CHARACTERS = 64
LIST_PAGE = 50


async def create_function(call: Call, request: dict) -> dict:
    """Make a function from a zip in the request or in S3. It begins in Pending and is Active in a moment.

    errors   ResourceConflictException, InvalidParameterValueException, AccessDeniedException
    """
    ref = unqualified_ref(call, request["FunctionName"])
    if len(ref.name) > NAME_LIMIT_CHARACTERS:
        raise errors.beyond(ref.name, "functionName", f"length less than or equal to {NAME_LIMIT_CHARACTERS}")
    settings = await read_settings(call, request)
    if request["Code"].get("ImageUri"):
        raise NotImplementedByUs("lambda:CreateFunction with ImageUri")
    if "runtime" not in settings or "handler" not in settings:
        raise errors.InvalidParameterValueException(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    tags = request.get("Tags") or {}
    if problem := tag_problem(tags, own=not call.is_from_outside):  # stacks mark what they make
        raise errors.InvalidParameterValueException(problem)
    await call.read(_require_absent, ref)
    service = call.cloud.engines["lambda"]
    await service.roles.check(settings["role"], call.region, ref.name)
    if settings.get("dead_letter_arn"):
        await require_dead_letter_permission(call, settings["dead_letter_arn"], settings["role"], ref.name)
    async with code.taken_in(call, service.engine.packages, request["Code"]) as taken:
        require_fitting(taken.code.unzipped_bytes, settings.get("layers", ()))
        configuration = Configuration(
            code_digest=taken.code.digest,
            code_bytes=taken.code.size_bytes,
            unzipped_bytes=taken.code.unzipped_bytes,
            **settings,
        )
        version = await call.write(
            functions.create_function,
            ref,
            configuration,
            taken.code,
            taken.blob,
            tags,
            and_publish=bool(request.get("Publish")),
        )
    return configuration_out(version, version.label if version.number else None)


def _require_absent(tx, ref: FunctionRef) -> None:
    if functions.FUNCTIONS.has(tx, *ref.key):
        raise errors.ResourceConflictException(f"Function already exist: {ref.name}")


async def get_function(call: Call, request: dict) -> dict:
    """The configuration, an address to download the code from, tags and reserved concurrency."""
    ref = function_ref(call, request["FunctionName"], request.get("Qualifier"))
    function = await call.read(functions.require_function, ref)
    version = await call.read(functions.require_version, ref)
    location = await code.location(call, version.configuration.code_digest)
    result = {
        "Configuration": configuration_out(version, ref.qualifier),
        "Code": {"RepositoryType": "S3", "Location": location},
    }
    if function.tags:
        result["Tags"] = function.tags
    if function.reserved_concurrency is not None:
        result["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved_concurrency}
    return result


async def get_function_configuration(call: Call, request: dict) -> dict:
    """What a version runs with."""
    ref = function_ref(call, request["FunctionName"], request.get("Qualifier"))
    return configuration_out(await call.read(functions.require_version, ref), ref.qualifier)


async def list_functions(call: Call, request: dict) -> dict:
    """Up to fifty at a time, by name; with FunctionVersion ALL every version is an entry."""
    if request.get("MasterRegion"):
        raise NotImplementedByUs("lambda:ListFunctions with MasterRegion")
    limit = min(request.get("MaxItems", LIST_PAGE), LIST_PAGE)
    after = marker_in("ListFunctions", request)
    where = (call.account, call.region)
    if request.get("FunctionVersion") == "ALL":
        found = await call.read(functions.list_all_versions, *where, after, limit + 1)
        return page("ListFunctions", "Functions", found, limit, _versioned_out, lambda row: [row.name, row.number])
    found = await call.read(functions.list_functions, *where, after or "", limit + 1)
    return page("ListFunctions", "Functions", found, limit, summary_out, lambda row: row.name)


def _versioned_out(version: Version) -> dict:
    return summary_out(version, version.label)


async def update_function_code(call: Call, request: dict) -> dict:
    """Replace the code of $LATEST. With DryRun everything is checked and nothing changed.

    errors   ResourceNotFoundException, InvalidParameterValueException, PreconditionFailedException
    """
    ref = unqualified_ref(call, request["FunctionName"])
    if request.get("PublishTo"):
        raise NotImplementedByUs("lambda:UpdateFunctionCode with PublishTo")
    before = await settled(call, ref)
    changes = {"architecture": request["Architectures"][0]} if request.get("Architectures") else {}
    packages = call.cloud.engines["lambda"].engine.packages
    async with code.taken_in(call, packages, request) as taken:
        require_fitting(taken.code.unzipped_bytes, before.configuration.layers)
        if request.get("DryRun"):
            functions.require_revision(request.get("RevisionId"), before.revision_id)
            return configuration_out(before)
        version = await call.write(
            functions.update_function,
            ref,
            changes,
            revision_id=request.get("RevisionId"),
            code=taken.code,
            blob=taken.blob,
            and_publish=bool(request.get("Publish")),
        )
    return configuration_out(version, version.label if version.number else None)


async def update_function_configuration(call: Call, request: dict) -> dict:
    """Change what $LATEST runs with; members that are not there stay.

    errors   ResourceNotFoundException, InvalidParameterValueException, PreconditionFailedException
    """
    ref = unqualified_ref(call, request["FunctionName"])
    before = await settled(call, ref)
    settings = await read_settings(call, request)
    if "role" in settings:
        await call.cloud.engines["lambda"].roles.check(settings["role"], call.region, ref.name)
    if settings.get("dead_letter_arn"):
        role = settings.get("role", before.configuration.role)
        await require_dead_letter_permission(call, settings["dead_letter_arn"], role, ref.name)
    if "layers" in settings:
        require_fitting(before.configuration.unzipped_bytes, settings["layers"])
    version = await call.write(functions.update_function, ref, settings, revision_id=request.get("RevisionId"))
    return configuration_out(version)


async def delete_function(call: Call, request: dict) -> dict:
    """Delete the function with all its versions and aliases, or with Qualifier one version."""
    ref = function_ref(call, request["FunctionName"], request.get("Qualifier"))
    if ref.qualifier is None:
        await call.write(functions.delete_function, ref)
    else:
        await call.write(functions.delete_version, ref)
    return {"StatusCode": 204}
