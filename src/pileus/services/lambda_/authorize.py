"""What each operation touches, for IAM. Source: Service Authorization Reference, "AWS Lambda"."""

from collections.abc import Iterable
from typing import Any

from pileus.kernel.arn import parse_arn
from pileus.kernel.call import Call
from pileus.kernel.service import Touch
from pileus.services.lambda_.names import (
    FunctionRef,
    LayerRef,
    function_ref,
    function_ref_of_arn,
    layer_ref,
    layer_version_ref,
    mapping_arn,
    mapping_id_of_arn,
)
from pileus.services.lambda_.roles import LAMBDA
from pileus.services.lambda_.state import FUNCTIONS, LAYER_VERSIONS, POLICIES
from pileus.services.lambda_.transitions.mappings import find as find_mapping
from pileus.services.lambda_.transitions.permissions import document
from pileus.store.transaction import Transaction

Touches = Iterable[str | Touch]


def anything(call: Call, request: dict) -> Touches:
    return ["*"]


def on_function(call: Call, request: dict) -> Touches:
    """The function whatever qualifier is meant."""
    return [_ref(call, request)._replace(qualifier=None).arn]


def on_qualified_function(call: Call, request: dict) -> Touches:
    """With the qualifier, so that a policy may allow one alias."""
    return [_ref(call, request).arn]


def on_invocation(call: Call, request: dict) -> Touches:
    return [Touch("lambda:InvokeFunction", _ref(call, request).arn)]


def on_permission(call: Call, request: dict) -> Touches:
    keys = {
        "lambda:Principal": request.get("Principal"),
        "lambda:FunctionUrlAuthType": request.get("FunctionUrlAuthType"),
    }
    context = {key: value for key, value in keys.items() if value}
    return [Touch(f"lambda:{call.operation}", _ref(call, request).arn, context)]


def on_creation(call: Call, request: dict) -> Touches:
    """CreateFunction and UpdateFunctionConfiguration: also the role that is passed on, and the layers."""
    layers = request.get("Layers") or []
    context: dict[str, Any] = {"lambda:Layer": layers} if layers else {}
    arn = _ref(call, request)._replace(qualifier=None).arn
    yield Touch(f"lambda:{call.operation}", arn, context, request_tags=request.get("Tags") or {})
    # Another account's role nobody can pass, whatever policies say: the operation refuses it in AWS's words.
    if request.get("Role") and request["Role"].split(":")[4:5] == [call.account]:
        yield Touch("iam:PassRole", request["Role"], {"iam:PassedToService": LAMBDA, "iam:AssociatedResourceArn": arn})
    for layer in layers:
        yield Touch("lambda:GetLayerVersion", layer)


def on_new_mapping(call: Call, request: dict) -> Touches:
    """CreateEventSourceMapping: there is no resource yet; what a policy can look at is the function."""
    context = {"lambda:FunctionArn": _ref(call, request).arn}
    return [Touch("lambda:CreateEventSourceMapping", "*", context, request_tags=request.get("Tags") or {})]


def on_mapping(call: Call, request: dict) -> Touches:
    """With the function it has; one that is to change to another function needs leave for both."""
    arn = mapping_arn(call.account, call.region, request["UUID"])
    mapping, call.seen = call.cloud.store.look(find_mapping, (call.account, call.region, request["UUID"]))
    functions = [] if mapping is None else [mapping.ref.arn]
    if request.get("FunctionName"):
        functions.append(_ref(call, request).arn)
    contexts = [{"lambda:FunctionArn": function} for function in dict.fromkeys(functions)] or [{}]
    return [Touch(f"lambda:{call.operation}", arn, context) for context in contexts]


def on_tags(call: Call, request: dict) -> Touches:
    return [Touch(f"lambda:{call.operation}", request["Resource"], request_tags=request.get("Tags") or {})]


def on_untagging(call: Call, request: dict) -> Touches:
    return [Touch("lambda:UntagResource", request["Resource"], {"aws:TagKeys": request["TagKeys"]})]


def on_layer(call: Call, request: dict) -> Touches:
    return [layer_ref(call, request["LayerName"]).arn]


def on_layer_version(call: Call, request: dict) -> Touches:
    return [layer_ref(call, request["LayerName"], request["VersionNumber"]).arn]


def on_layer_version_arn(call: Call, request: dict) -> Touches:
    return [Touch("lambda:GetLayerVersion", request["Arn"])]


def _ref(call: Call, request: dict) -> FunctionRef:
    return function_ref(call, request["FunctionName"], request.get("Qualifier"))


RESOURCES = {
    "AddLayerVersionPermission": on_layer_version,
    "AddPermission": on_permission,
    "CreateAlias": on_function,
    "CreateEventSourceMapping": on_new_mapping,
    "CreateFunction": on_creation,
    "DeleteAlias": on_function,
    "DeleteEventSourceMapping": on_mapping,
    "DeleteFunction": on_qualified_function,
    "DeleteFunctionConcurrency": on_function,
    "DeleteFunctionEventInvokeConfig": on_qualified_function,
    "DeleteLayerVersion": on_layer_version,
    "GetAccountSettings": anything,
    "GetAlias": on_function,
    "GetEventSourceMapping": on_mapping,
    "GetFunction": on_qualified_function,
    "GetFunctionCodeSigningConfig": on_function,
    "GetFunctionConcurrency": on_function,
    "GetFunctionConfiguration": on_qualified_function,
    "GetFunctionEventInvokeConfig": on_qualified_function,
    "GetFunctionUrlConfig": on_qualified_function,
    "GetLayerVersion": on_layer_version,
    "GetLayerVersionByArn": on_layer_version_arn,
    "GetLayerVersionPolicy": on_layer_version,
    "GetPolicy": on_qualified_function,
    "GetProvisionedConcurrencyConfig": on_qualified_function,
    "GetRuntimeManagementConfig": on_qualified_function,
    "Invoke": on_invocation,
    "InvokeAsync": on_function,
    "ListAliases": on_function,
    "ListEventSourceMappings": anything,
    "ListFunctionEventInvokeConfigs": on_function,
    "ListFunctionUrlConfigs": on_function,
    "ListFunctions": anything,
    "ListLayerVersions": anything,
    "ListLayers": anything,
    "ListProvisionedConcurrencyConfigs": on_function,
    "ListTags": on_tags,
    "ListVersionsByFunction": on_function,
    "PublishLayerVersion": on_layer,
    "PublishVersion": on_function,
    "PutFunctionConcurrency": on_function,
    "PutFunctionEventInvokeConfig": on_qualified_function,
    "PutRuntimeManagementConfig": on_qualified_function,
    "RemoveLayerVersionPermission": on_layer_version,
    "RemovePermission": on_permission,
    "TagResource": on_tags,
    "UntagResource": on_untagging,
    "UpdateAlias": on_function,
    "UpdateEventSourceMapping": on_mapping,
    "UpdateFunctionCode": on_function,
    "UpdateFunctionConfiguration": on_creation,
    "UpdateFunctionEventInvokeConfig": on_qualified_function,
}


def resource_policy(tx: Transaction, call: Call, arn: str) -> str | None:
    """The policy of a function's qualifier, or of a layer version."""
    ref = function_ref_of_arn(arn)
    if ref is not None:
        policy = POLICIES.get(tx, *ref.key, ref.qualifier or "")
        return document(policy.statements) if policy is not None else None
    layer: LayerRef | None = layer_version_ref(arn)
    if layer is not None:
        version = LAYER_VERSIONS.get(tx, layer.account, layer.region, layer.name, layer.version or 0)
        return document(version.statements) if version is not None and version.statements else None
    return None


def resource_tags(tx: Transaction, call: Call, arn: str) -> dict[str, str] | None:
    """Tags hang on the function, whatever qualifier is named, and on event source mappings."""
    mapping_key = mapping_id_of_arn(arn)
    if mapping_key is not None:
        mapping = find_mapping(tx, mapping_key)
        return None if mapping is None else mapping.tags
    parsed = parse_arn(arn)
    ref = function_ref_of_arn(arn) if parsed is not None and parsed.service == "lambda" else None
    function = FUNCTIONS.get(tx, *ref.key) if ref is not None else None
    return None if function is None else function.tags
