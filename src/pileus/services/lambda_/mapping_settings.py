"""What a request says about an event source mapping, checked and turned into fields of its Polling.

Source: API reference, CreateEventSourceMapping and UpdateEventSourceMapping; the texts of refusals are those of answers
quoted in public issues (node-lambda 466, ansible amazon.aws 1995, aws-lambda-dotnet 1758, pulumi-aws 1418,
aws-controllers-k8s 2865), or worded after them.
"""

from typing import Any

from pileus.delivery import filters
from pileus.delivery.sources import EventSource, Limits
from pileus.kernel.arn import Arn, parse_arn
from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs, ValidationException
from pileus.protocol.validate import Violation, sentence
from pileus.services.lambda_ import errors
from pileus.services.lambda_.destinations import require_discard_destination

NOT_HONOURED = {
    "KMSKeyArn": lambda value: not value,
    "MetricsConfig": lambda value: not value.get("Metrics"),
    "LoggingConfig": lambda value: not value.get("SystemLogLevel"),
    "ProvisionedPollerConfig": lambda value: not value,
    "SourceAccessConfigurations": lambda value: not value,
    "SelfManagedEventSource": lambda value: False,
    "Topics": lambda value: False,
    "Queues": lambda value: False,
    "AmazonManagedKafkaEventSourceConfig": lambda value: False,
    "SelfManagedKafkaEventSourceConfig": lambda value: False,
    "DocumentDBEventSourceConfig": lambda value: False,
}
"""Member -> whether its value asks for no more than what happens anyway."""

OF_LAMBDA = ("sqs", "kinesis", "dynamodb", "kafka", "mq", "rds", "docdb")
"""Services that AWS lets a mapping read from."""

STREAMS_ONLY = (
    "StartingPosition",
    "StartingPositionTimestamp",
    "ParallelizationFactor",
    "DestinationConfig",
    "MaximumRecordAgeInSeconds",
    "BisectBatchOnFunctionError",
    "MaximumRetryAttempts",
    "TumblingWindowInSeconds",
)
QUEUES_ONLY = ("ScalingConfig",)

AGE_MIN_S = 60


def refuse_unhonoured(operation: str, request: dict) -> None:
    """errors   NotImplemented, naming the member"""
    for member, is_harmless in NOT_HONOURED.items():
        if request.get(member) is not None and not is_harmless(request[member]):
            raise NotImplementedByUs(f"lambda:{operation} with {member}")


async def source_of(call: Call, arn: str | None) -> tuple[EventSource, Arn]:
    """Who knows how to read it.

    errors   InvalidParameterValueException for what is no source, NotImplemented for one that nobody wrote yet
    """
    parsed = parse_arn(arn or "")
    if parsed is None or parsed.service not in OF_LAMBDA:
        raise errors.InvalidParameterValueException(
            f"Unrecognized event source, must be kinesis, dynamodb stream or sqs. Unsupported source arn : {arn}"
        )
    if parsed.region != call.region:
        raise errors.InvalidParameterValueException(
            f"The event source must be in the function's region ({call.region}), not in {parsed.region}."
        )
    service = await call.cloud.service(parsed.service)
    source = None if service is None else service.source()
    if source is None:
        raise NotImplementedByUs(f"lambda:{call.operation} with {parsed.service} as the event source")
    return source, parsed


def starting(request: dict, source: EventSource, arn: Arn, now_ms: int) -> dict[str, Any]:
    """The fields of a mapping that only its creation says.

    errors   ValidationException, InvalidParameterValueException
    """
    if source.kind == "queue":
        return {}
    position = request.get("StartingPosition")
    if position is None:
        raise ValidationException(
            sentence([Violation("startingPosition", "required", None, "Member must not be null")])
        )
    if position not in source.limits(arn).starting_positions:
        raise errors.InvalidParameterValueException(f"Unsupported starting position for arn type: {arn}")
    moment = request.get("StartingPositionTimestamp")
    if position != "AT_TIMESTAMP":
        if moment is not None:
            raise errors.InvalidParameterValueException(
                "StartingPositionTimestamp is valid for the starting position AT_TIMESTAMP only."
            )
        return {"starting_position": position}
    if moment is None:
        raise errors.InvalidParameterValueException("Need to specify a timestamp")
    at_ms = int(moment.timestamp() * 1000) if hasattr(moment, "timestamp") else int(float(moment) * 1000)
    if at_ms > now_ms:
        raise errors.InvalidParameterValueException("StartingPositionTimestamp cannot be in the future.")
    return {"starting_position": position, "starting_at_ms": at_ms}


async def changes_in(call: Call, request: dict, source: EventSource) -> dict[str, Any]:
    """The fields of Polling that the request names; what holds between them is `require_consistent`'s.

    errors   InvalidParameterValueException, NotImplemented
    """
    for member in STREAMS_ONLY if source.kind == "queue" else QUEUES_ONLY:
        if request.get(member) not in (None, {}):
            raise errors.InvalidParameterValueException(
                "StartingPosition is not valid for SQS event sources."
                if member == "StartingPosition"
                else f"Unsupported '{member}' parameter for given event source mapping type."
            )
    out: dict[str, Any] = {}
    for member, field in (
        ("BatchSize", "batch_size"),
        ("MaximumBatchingWindowInSeconds", "window_s"),
        ("ParallelizationFactor", "parallelization"),
        ("BisectBatchOnFunctionError", "bisects"),
        ("MaximumRetryAttempts", "retries"),
        ("MaximumRecordAgeInSeconds", "age_limit_s"),
        ("TumblingWindowInSeconds", "tumbling_s"),
    ):
        if request.get(member) is not None:
            out[field] = request[member]
    if out.get("age_limit_s", -1) != -1 and out["age_limit_s"] < AGE_MIN_S:
        raise errors.InvalidParameterValueException(
            f"MaximumRecordAgeInSeconds must be -1 or at least {AGE_MIN_S} seconds."
        )
    if request.get("FunctionResponseTypes") is not None:
        out["reports_failures"] = "ReportBatchItemFailures" in request["FunctionResponseTypes"]
    if request.get("ScalingConfig") is not None:
        out["max_concurrency"] = request["ScalingConfig"].get("MaximumConcurrency")
    if request.get("FilterCriteria") is not None:
        out["filters"] = _filters(request["FilterCriteria"])
    if request.get("DestinationConfig") is not None:
        out["on_failure_arn"] = await _destination(call, request["DestinationConfig"])
    return out


def require_consistent(polling: dict[str, Any], limits: Limits) -> None:
    """`polling`: all fields, as they would be.

    errors   InvalidParameterValueException
    """
    size, window_s = polling["batch_size"], polling["window_s"]
    if window_s and not limits.is_window_allowed:
        raise errors.InvalidParameterValueException("Batching window is not supported for FIFO queues")
    without = limits.batch_size_without_window_max
    if without is not None and size > without and not window_s:
        raise errors.InvalidParameterValueException(
            f"Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than {without}"
        )
    if size > limits.batch_size_max:
        raise errors.beyond(size, "batchSize", f"value less than or equal to {limits.batch_size_max}")
    if polling["tumbling_s"] and polling["parallelization"] > 1:
        raise NotImplementedByUs("lambda: TumblingWindowInSeconds with a ParallelizationFactor above 1")


def _filters(criteria: dict) -> tuple[str, ...]:
    patterns = tuple(each.get("Pattern") or "" for each in criteria.get("Filters") or ())
    if len(patterns) > filters.FILTERS_MAX:
        raise errors.InvalidParameterValueException(
            f"Number of filters exceeds the limit of {filters.FILTERS_MAX} filters for an event source mapping."
        )
    try:
        filters.check(list(patterns))
    except filters.InvalidPattern as error:
        raise errors.InvalidParameterValueException(f"Invalid filter pattern definition. ({error})") from None
    return patterns


async def _destination(call: Call, config: dict) -> str:
    if (config.get("OnSuccess") or {}).get("Destination"):
        raise errors.InvalidParameterValueException("OnSuccess is not valid for event source mappings.")
    on_failure = config.get("OnFailure")
    if on_failure is not None and on_failure.get("Destination") is None:
        raise errors.InvalidParameterValueException("The Destination field is required for an OnFailure configuration.")
    arn = (on_failure or {}).get("Destination") or ""
    if arn:
        await require_discard_destination(call, arn)
    return arn
