"""Versions and aliases."""

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.services.lambda_ import errors
from pileus.services.lambda_.names import FunctionRef, function_ref, unqualified_ref
from pileus.services.lambda_.operations.paging import marker_in, page
from pileus.services.lambda_.running import settled
from pileus.services.lambda_.shapes import alias_out, configuration_out, summary_out
from pileus.services.lambda_.transitions import aliases, functions

LIST_PAGE = 50


async def publish_version(call: Call, request: dict) -> dict:
    """Freeze $LATEST as the next version, or answer the newest one if nothing changed since.

    errors   ResourceNotFoundException, PreconditionFailedException, InvalidParameterValueException
    """
    ref = unqualified_ref(call, request["FunctionName"])
    if request.get("PublishTo"):
        raise NotImplementedByUs("lambda:PublishVersion with PublishTo")
    await settled(call, ref)
    version = await call.write(
        functions.publish,
        ref,
        description=request.get("Description"),
        code_sha256=request.get("CodeSha256") or None,
        revision_id=request.get("RevisionId"),
    )
    return configuration_out(version, version.label)


async def list_versions_by_function(call: Call, request: dict) -> dict:
    """$LATEST, then the versions in order; up to fifty at a time."""
    ref = function_ref(call, request["FunctionName"])._replace(qualifier=None)
    limit = min(request.get("MaxItems", LIST_PAGE), LIST_PAGE)
    after = marker_in("ListVersionsByFunction", request)
    found = await call.read(functions.list_versions, ref, after, limit + 1)
    return page(
        "ListVersionsByFunction",
        "Versions",
        found,
        limit,
        lambda row: summary_out(row, row.label),
        lambda row: row.number,
    )


async def create_alias(call: Call, request: dict) -> dict:
    """A name for a version, or for two that share its invocations by weight.

    errors   ResourceNotFoundException, ResourceConflictException, InvalidParameterValueException
    """
    ref = _alias_ref(call, request)
    alias = await call.write(
        aliases.create_alias, ref, request["FunctionVersion"], _weights(request), request.get("Description", "")
    )
    return alias_out(alias)


async def get_alias(call: Call, request: dict) -> dict:
    """One alias of a function."""
    return alias_out(await call.read(functions.require_alias, _alias_ref(call, request)))


async def list_aliases(call: Call, request: dict) -> dict:
    """By name; with FunctionVersion those that point to it."""
    ref = unqualified_ref(call, request["FunctionName"])
    limit = min(request.get("MaxItems", LIST_PAGE), LIST_PAGE)
    after = marker_in("ListAliases", request) or ""
    found = await call.read(aliases.list_aliases, ref, request.get("FunctionVersion"), after, limit + 1)
    return page("ListAliases", "Aliases", found, limit, alias_out, lambda row: row.alias)


async def update_alias(call: Call, request: dict) -> dict:
    """Change what the request names; an empty RoutingConfig sends everything to the main version.

    errors   ResourceNotFoundException, PreconditionFailedException, InvalidParameterValueException
    """
    changes: dict = {}
    if "FunctionVersion" in request:
        changes["version"] = request["FunctionVersion"]
    if "Description" in request:
        changes["description"] = request["Description"]
    if "RoutingConfig" in request:
        changes["weights"] = _weights(request)
    ref = _alias_ref(call, request)
    return alias_out(await call.write(aliases.update_alias, ref, changes, request.get("RevisionId")))


async def delete_alias(call: Call, request: dict) -> dict:
    """Delete an alias with its permissions; it need not be there, the function must."""
    await call.write(aliases.delete_alias, _alias_ref(call, request))
    return {}


def _alias_ref(call: Call, request: dict) -> FunctionRef:
    return unqualified_ref(call, request["FunctionName"])._replace(qualifier=request["Name"])


def _weights(request: dict) -> dict[str, float]:
    weights = request.get("RoutingConfig", {}).get("AdditionalVersionWeights") or {}
    if len(weights) > 1:
        raise errors.InvalidParameterValueException(
            "Number of items in AdditionalVersionWeights cannot be greater than 1"
        )
    return weights
