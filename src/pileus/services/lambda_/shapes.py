"""Records as the model spells them."""

import time
from datetime import UTC, datetime
from typing import Any

from pileus.services.lambda_.names import LATEST, FunctionRef, LayerRef, layer_arn
from pileus.services.lambda_.state import Alias, EventInvokeConfig, EventSourceMapping, LayerVersion, Version
from pileus.services.lambda_.transitions.functions import digest_out


def configuration_out(version: Version, qualifier: str | None = None) -> dict:
    """FunctionConfiguration; its ARN ends in `qualifier` where the request named one."""
    out = summary_out(version, qualifier)
    out["State"] = version.state
    for name, value in (
        # Nothing was updated before there is something to update.
        ("LastUpdateStatus", version.update_status if version.state != "Pending" else ""),
        ("StateReason", version.state_reason),
        ("StateReasonCode", version.state_reason_code),
        ("LastUpdateStatusReason", version.update_reason),
        ("LastUpdateStatusReasonCode", version.update_reason_code),
    ):
        if value:
            out[name] = value
    return out


def summary_out(version: Version, qualifier: str | None = None) -> dict:
    """As ListFunctions has it: without the states."""
    configuration = version.configuration
    ref = FunctionRef(version.account, version.region, version.name, qualifier)
    logging: dict[str, Any] = {
        "LogFormat": configuration.log_format,
        "LogGroup": configuration.log_group or f"/aws/lambda/{version.name}",
    }
    if configuration.application_log_level:
        logging["ApplicationLogLevel"] = configuration.application_log_level
    if configuration.system_log_level:
        logging["SystemLogLevel"] = configuration.system_log_level
    out: dict[str, Any] = {
        "FunctionName": version.name,
        "FunctionArn": ref.arn,
        "Role": configuration.role,
        "CodeSize": configuration.code_bytes,
        "Description": configuration.description,
        "Timeout": configuration.timeout_s,
        "MemorySize": configuration.memory_mib,
        "LastModified": last_modified(version.modified_at_ms),
        "CodeSha256": digest_out(configuration.code_digest),
        "Version": version.label,
        "TracingConfig": {"Mode": configuration.tracing},
        "RevisionId": version.revision_id,
        "PackageType": "Zip",
        "Architectures": [configuration.architecture],
        "EphemeralStorage": {"Size": configuration.ephemeral_storage_mib},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": logging,
        "Runtime": configuration.runtime,
        "Handler": configuration.handler,
    }
    if configuration.environment:
        out["Environment"] = {"Variables": configuration.environment}
    if configuration.dead_letter_arn:
        out["DeadLetterConfig"] = {"TargetArn": configuration.dead_letter_arn}
    if configuration.layers:
        out["Layers"] = [{"Arn": layer.arn, "CodeSize": layer.size_bytes} for layer in configuration.layers]
    return out


def alias_out(alias: Alias) -> dict:
    out: dict[str, Any] = {
        "AliasArn": FunctionRef(alias.account, alias.region, alias.name, alias.alias).arn,
        "Name": alias.alias,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    }
    if alias.weights:
        out["RoutingConfig"] = {"AdditionalVersionWeights": alias.weights}
    return out


def event_invoke_config_out(config: EventInvokeConfig) -> dict:
    destinations = {
        name: {"Destination": arn} if arn else {}
        for name, arn in (("OnSuccess", config.on_success_arn), ("OnFailure", config.on_failure_arn))
    }
    out: dict[str, Any] = {
        "FunctionArn": FunctionRef(config.account, config.region, config.name, config.qualifier or LATEST).arn,
        "LastModified": datetime.fromtimestamp(config.modified_at_ms / 1000, UTC),
        "DestinationConfig": destinations,
    }
    if config.retries is not None:
        out["MaximumRetryAttempts"] = config.retries
    if config.event_age_limit_s is not None:
        out["MaximumEventAgeInSeconds"] = config.event_age_limit_s
    return out


def mapping_out(mapping: EventSourceMapping) -> dict:
    """EventSourceMappingConfiguration. Members of the other kind of source are not there, as AWS has it."""
    polling = mapping.polling
    out: dict[str, Any] = {
        "UUID": mapping.id,
        "BatchSize": polling.batch_size,
        "MaximumBatchingWindowInSeconds": polling.window_s,
        "EventSourceArn": mapping.source_arn,
        "FunctionArn": mapping.ref.arn,
        "LastModified": datetime.fromtimestamp(mapping.modified_at_ms / 1000, UTC),
        "State": mapping.state,
        "StateTransitionReason": "USER_INITIATED" if mapping.is_of_queue else "User action",
        "FunctionResponseTypes": ["ReportBatchItemFailures"] if polling.reports_failures else [],
        "EventSourceMappingArn": mapping.arn,
    }
    if polling.filters:
        out["FilterCriteria"] = {"Filters": [{"Pattern": pattern} for pattern in polling.filters]}
    if mapping.is_of_queue:
        if polling.max_concurrency is not None:
            out["ScalingConfig"] = {"MaximumConcurrency": polling.max_concurrency}
        if mapping.last_result.startswith("PROBLEM"):
            # AWS says nothing of queues here; what keeps one from being read nobody would know.
            out["LastProcessingResult"] = mapping.last_result
        return out
    out |= {
        "StartingPosition": mapping.starting_position,
        "LastProcessingResult": mapping.last_result or "No records processed",
        "ParallelizationFactor": polling.parallelization,
        "BisectBatchOnFunctionError": polling.bisects,
        "MaximumRetryAttempts": polling.retries,
        "MaximumRecordAgeInSeconds": polling.age_limit_s,
        "TumblingWindowInSeconds": polling.tumbling_s,
        "DestinationConfig": {"OnFailure": {"Destination": polling.on_failure_arn} if polling.on_failure_arn else {}},
    }
    if mapping.starting_at_ms is not None:
        out["StartingPositionTimestamp"] = datetime.fromtimestamp(mapping.starting_at_ms / 1000, UTC)
    return out


def layer_version_out(version: LayerVersion) -> dict:
    """LayerVersionsListItem."""
    out: dict[str, Any] = {
        "LayerVersionArn": LayerRef(version.account, version.region, version.name, version.number).arn,
        "Version": version.number,
        "Description": version.description,
        "CreatedDate": last_modified(version.created_at_ms),
    }
    if version.license:
        out["LicenseInfo"] = version.license
    if version.runtimes is not None:
        out["CompatibleRuntimes"] = list(version.runtimes)
    if version.architectures is not None:
        out["CompatibleArchitectures"] = list(version.architectures)
    return out


def layer_version_details_out(version: LayerVersion, location: str) -> dict:
    """GetLayerVersionResponse."""
    content = {"Location": location, "CodeSha256": digest_out(version.digest), "CodeSize": version.size_bytes}
    return {
        **layer_version_out(version),
        "LayerArn": layer_arn(version.account, version.region, version.name),
        "Content": content,
    }


def last_modified(at_ms: int) -> str:
    """2026-01-01T00:00:00.000+0000"""
    seconds, rest = divmod(at_ms, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:03d}+0000"
