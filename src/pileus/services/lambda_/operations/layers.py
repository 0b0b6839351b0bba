"""Layers: published versions of files that functions find below /opt, and who may use them."""

from collections.abc import Callable

import orjson

from pileus.kernel.call import Call
from pileus.services.lambda_ import code, errors
from pileus.services.lambda_.names import layer_arn, layer_ref, layer_version_ref
from pileus.services.lambda_.operations.paging import marker_in, page
from pileus.services.lambda_.principals import principal_out
from pileus.services.lambda_.shapes import layer_version_details_out, layer_version_out
from pileus.services.lambda_.state import LayerVersion
from pileus.services.lambda_.transitions import layers, permissions

LIST_PAGE = 50


async def publish_layer_version(call: Call, request: dict) -> dict:
    """Take in a zip as the layer's next version.

    errors   InvalidParameterValueException, AccessDeniedException, CodeStorageExceededException
    """
    ref = layer_ref(call, request["LayerName"])
    runtimes, architectures = request.get("CompatibleRuntimes"), request.get("CompatibleArchitectures")
    packages = call.cloud.engines["lambda"].engine.packages
    async with code.taken_in(call, packages, request["Content"]) as taken:
        version = await call.write(
            layers.publish_layer_version,
            ref,
            taken.code,
            taken.blob,
            description=request.get("Description", ""),
            license=request.get("LicenseInfo", ""),
            runtimes=None if runtimes is None else tuple(runtimes),
            architectures=None if architectures is None else tuple(architectures),
        )
    return layer_version_details_out(version, await code.location(call, version.digest))


async def get_layer_version(call: Call, request: dict) -> dict:
    """One version, and an address to download it from.

    errors   ResourceNotFoundException
    """
    ref = layer_ref(call, request["LayerName"], request["VersionNumber"])
    version = await call.read(layers.require_layer_version, ref)
    return layer_version_details_out(version, await code.location(call, version.digest))


async def get_layer_version_by_arn(call: Call, request: dict) -> dict:
    """The same by the version's ARN.

    errors   InvalidParameterValueException, ResourceNotFoundException
    """
    ref = layer_version_ref(request["Arn"])
    if ref is None:
        raise errors.InvalidParameterValueException(f"Invalid Layer Version Arn: {request['Arn']}")
    version = await call.read(layers.require_layer_version, ref)
    return layer_version_details_out(version, await code.location(call, version.digest))


async def list_layers(call: Call, request: dict) -> dict:
    """By name, each with its newest version that fits."""
    limit = request.get("MaxItems", LIST_PAGE)
    after = marker_in("ListLayers", request) or ""
    found = await call.read(layers.list_layers, call.account, call.region, after, limit + 1, _fits(request))
    return page("ListLayers", "Layers", found, limit, _layer_out, lambda row: row.name)


def _layer_out(version: LayerVersion) -> dict:
    return {
        "LayerName": version.name,
        "LayerArn": layer_arn(version.account, version.region, version.name),
        "LatestMatchingVersion": layer_version_out(version),
    }


async def list_layer_versions(call: Call, request: dict) -> dict:
    """Newest first."""
    limit = request.get("MaxItems", LIST_PAGE)
    before = marker_in("ListLayerVersions", request)
    ref = layer_ref(call, request["LayerName"])
    found = await call.read(layers.list_layer_versions, ref, before, limit + 1, _fits(request))
    return page("ListLayerVersions", "LayerVersions", found, limit, layer_version_out, lambda row: row.number)


def _fits(request: dict) -> Callable[[LayerVersion], bool]:
    """A version that says nothing of runtimes or architectures fits none that is asked for."""
    runtime, architecture = request.get("CompatibleRuntime"), request.get("CompatibleArchitecture")

    def fits(version: LayerVersion) -> bool:
        return (runtime is None or runtime in (version.runtimes or ())) and (
            architecture is None or architecture in (version.architectures or ())
        )

    return fits


async def delete_layer_version(call: Call, request: dict) -> dict:
    """Nobody can use it any more but the functions that do already."""
    await call.write(layers.delete_layer_version, layer_ref(call, request["LayerName"], request["VersionNumber"]))
    return {}


async def add_layer_version_permission(call: Call, request: dict) -> dict:
    """Let an account, an organization or everybody use a version.

    errors   ResourceNotFoundException, ResourceConflictException, InvalidParameterValueException,
             PreconditionFailedException, PolicyLengthExceededException
    """
    ref = layer_ref(call, request["LayerName"], request["VersionNumber"])
    if request["Action"] != "lambda:GetLayerVersion":
        raise errors.InvalidParameterValueException("Layer permissions allow lambda:GetLayerVersion only.")
    if request.get("OrganizationId") and request["Principal"] != "*":
        raise errors.InvalidParameterValueException("With OrganizationId the principal must be *.")
    statement = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": await principal_out(call, request["Principal"]),
        "Action": request["Action"],
        "Resource": ref.arn,
    }
    if request.get("OrganizationId"):
        statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": request["OrganizationId"]}}
    version = await call.write(permissions.add_layer_permission, ref, statement, request.get("RevisionId"))
    return {"Statement": orjson.dumps(statement).decode(), "RevisionId": version.policy_revision_id}


async def remove_layer_version_permission(call: Call, request: dict) -> dict:
    """Remove a statement.

    errors   ResourceNotFoundException, PreconditionFailedException
    """
    ref = layer_ref(call, request["LayerName"], request["VersionNumber"])
    await call.write(permissions.remove_layer_permission, ref, request["StatementId"], request.get("RevisionId"))
    return {}


async def get_layer_version_policy(call: Call, request: dict) -> dict:
    """The policy as JSON text.

    errors   ResourceNotFoundException where there is none
    """
    ref = layer_ref(call, request["LayerName"], request["VersionNumber"])
    version = await call.read(layers.require_layer_version, ref)
    if not version.statements:
        raise errors.ResourceNotFoundException("No policy is associated with the given resource.")
    return {"Policy": permissions.document(version.statements), "RevisionId": version.policy_revision_id}
