"""What a request says about how a function runs, checked and turned into a Configuration's fields.

What Pileus does not honour is refused by name, unless it asks for what happens anyway.
"""

import json
from collections.abc import Callable
from typing import Any

from pileus.kernel.arn import parse_arn
from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.services.lambda_ import errors
from pileus.services.lambda_.destinations import require_dead_letter_target
from pileus.services.lambda_.names import layer_version_ref
from pileus.services.lambda_.state import (
    ENVIRONMENT_LIMIT_BYTES,
    EPHEMERAL_STORAGE_LIMIT_MIB,
    LAYERS_PER_FUNCTION,
    MEMORY_LIMIT_MIB,
    TIMEOUT_LIMIT_S,
    UNZIPPED_LIMIT_BYTES,
    LayerUse,
)
from pileus.services.lambda_.transitions.layers import find_layer_version
from pileus.store.transaction import Transaction

RESERVED_VARIABLES = frozenset(
    [
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
        "AWS_LAMBDA_METADATA_API",
        "AWS_LAMBDA_METADATA_TOKEN",
        "AWS_LAMBDA_MAX_CONCURRENCY",
    ]
)
"""Source: developer guide, "Defined runtime environment variables", Reserved environment variables."""

RUNS_HERE = ("python", "nodejs", "provided")
"""Beginnings of the runtimes that some interpreter can run here; others are refused when a function asks for them."""

NOT_HONOURED: dict[str, Callable[[Any], bool]] = {
    "VpcConfig": lambda value: not value.get("SubnetIds") and not value.get("SecurityGroupIds"),
    "FileSystemConfigs": lambda value: not value,
    "KMSKeyArn": lambda value: not value,
    "CodeSigningConfigArn": lambda value: not value,
    "ImageConfig": lambda value: not value,
    "SnapStart": lambda value: value.get("ApplyOn", "None") == "None",
    "PackageType": lambda value: value == "Zip",
    "PublishTo": lambda value: False,
    "TenancyConfig": lambda value: False,
    "CapacityProviderConfig": lambda value: False,
    "DurableConfig": lambda value: False,
    "RuntimeConfig": lambda value: False,
    "AcceleratorConfig": lambda value: False,
}
"""Member -> whether its value asks for no more than what happens anyway."""


def refuse_unhonoured(operation: str, request: dict) -> None:
    """errors   NotImplemented, naming the member"""
    for member, is_harmless in NOT_HONOURED.items():
        if member in request and not is_harmless(request[member]):
            raise NotImplementedByUs(f"lambda:{operation} with {member}")


async def read_settings(call: Call, request: dict) -> dict:
    """The fields of Configuration that the request names, other than its code.

    errors   InvalidParameterValueException
    """
    refuse_unhonoured(call.operation, request)
    out: dict[str, Any] = {}
    for member, field in (("Description", "description"), ("Handler", "handler")):
        if member in request:
            out[field] = request[member]
    if "Role" in request:
        out["role"] = _role(call, request["Role"])
    if "Runtime" in request:
        out["runtime"] = _runtime(request["Runtime"])
    if "Timeout" in request:
        out["timeout_s"] = _at_most(request["Timeout"], TIMEOUT_LIMIT_S, "timeout")
    if "MemorySize" in request:
        out["memory_mib"] = _at_most(request["MemorySize"], MEMORY_LIMIT_MIB, "memorySize")
    if "EphemeralStorage" in request:
        size = request["EphemeralStorage"]["Size"]
        out["ephemeral_storage_mib"] = _at_most(size, EPHEMERAL_STORAGE_LIMIT_MIB, "ephemeralStorage.size")
    if "Environment" in request:
        out["environment"] = _environment(request["Environment"].get("Variables") or {})
    if "TracingConfig" in request:
        out["tracing"] = request["TracingConfig"].get("Mode", "PassThrough")
    if "DeadLetterConfig" in request:
        out["dead_letter_arn"] = arn = request["DeadLetterConfig"].get("TargetArn") or ""
        if arn:
            await require_dead_letter_target(call, arn)
    if "Architectures" in request:
        out["architecture"] = request["Architectures"][0]
    if "LoggingConfig" in request:
        out |= _logging(request["LoggingConfig"])
    if "Layers" in request:
        out["layers"] = await call.read(use_layers, tuple(request["Layers"]))
    return out


def require_fitting(unzipped_bytes: int, layers: tuple[LayerUse, ...]) -> None:
    """errors   InvalidParameterValueException where code and layers together are too large"""
    total = unzipped_bytes + sum(layer.unzipped_bytes for layer in layers)
    if total > UNZIPPED_LIMIT_BYTES:
        raise errors.InvalidParameterValueException(
            f"Function code combined with layers exceeds the maximum allowed size of {UNZIPPED_LIMIT_BYTES} bytes. "
            f"The actual size is {total} bytes."
        )


def use_layers(tx: Transaction, arns: tuple[str, ...]) -> tuple[LayerUse, ...]:
    """errors   InvalidParameterValueException"""
    if len(arns) > LAYERS_PER_FUNCTION:
        raise errors.InvalidParameterValueException(f"Cannot reference more than {LAYERS_PER_FUNCTION} layers.")
    uses: list[LayerUse] = []
    seen: dict[str, str] = {}
    for arn in arns:
        ref = layer_version_ref(arn)
        version = None if ref is None else find_layer_version(tx, ref)
        if ref is None or version is None:
            raise errors.InvalidParameterValueException(f"Layer version {arn} does not exist.")
        layer = ref._replace(version=None).arn
        if layer in seen:
            raise errors.InvalidParameterValueException(
                "Two different versions of the same layer are not allowed to be referenced in the same function. "
                f"{seen[layer]} and {arn} are versions of the same layer"
            )
        seen[layer] = arn
        uses.append(LayerUse(arn, version.digest, version.size_bytes, version.unzipped_bytes))
    return tuple(uses)


def _role(call: Call, arn: str) -> str:
    parsed = parse_arn(arn)
    if parsed is not None and parsed.account != call.account:
        raise errors.AccessDeniedException("Cross-account pass role is not allowed.")
    return arn


def _runtime(runtime: str) -> str:
    if not runtime.startswith(RUNS_HERE):
        raise NotImplementedByUs(f"the Lambda runtime {runtime}: no interpreter for it")
    return runtime


def _at_most(value: int, limit: int, member: str) -> int:
    """The model allows what few kinds of functions have; here the quota of all others holds."""
    if value > limit:
        raise errors.beyond(value, member, f"value less than or equal to {limit}")
    return value


def _environment(variables: dict[str, str]) -> dict[str, str]:
    reserved = sorted(RESERVED_VARIABLES & variables.keys())
    if reserved:
        raise errors.InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {', '.join(reserved)}"
        )
    text = json.dumps(variables, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > ENVIRONMENT_LIMIT_BYTES:
        raise errors.InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the 4KB limit. String measured: {text}"
        )
    return variables


def _logging(config: dict) -> dict:
    if config.get("LogFormat", "Text") != "Text":
        raise NotImplementedByUs("lambda: LoggingConfig.LogFormat JSON")
    for member in ("ApplicationLogLevel", "SystemLogLevel"):
        if config.get(member):
            raise errors.InvalidParameterValueException(
                f"{member} can be set only for functions whose LogFormat is JSON."
            )
    return {"log_group": config.get("LogGroup", "")}
