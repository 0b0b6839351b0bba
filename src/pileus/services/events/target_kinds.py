"""Targets: which there can be, what each needs, and the request that hands it an event.

Source: EventBridge API reference, PutTargets; user guide, "Event bus targets in Amazon EventBridge" and "Using IAM
roles for Amazon EventBridge targets".
"""

import hashlib
from collections.abc import Callable
from typing import Any

from pileus.kernel.arn import Arn, parse_arn
from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.services.events import inputs
from pileus.services.events.errors import ValidationException
from pileus.services.events.names import RuleKey, bus_of_arn

Request = tuple[str, str, dict]
"""(service, operation, request)"""

BUS = "events"
SERVICES = {"states": "stepfunctions"}
"""Where a service is named otherwise than in its ARNs."""
NEED_A_ROLE = ("firehose", "kinesis", "states")
OTHERS = frozenset(
    {
        *("apigateway", "appsync", "automation", "batch", "codebuild", "codepipeline", "ec2", "ecs", "execute-api"),
        *("glue", "inspector", "redshift", "redshift-serverless", "sagemaker", "ssm", "ssm-incidents"),
    }
)
"""AWS takes these; Pileus has nothing to send to them yet."""

PARAMETERS = {
    "KinesisParameters": "kinesis",
    "SqsParameters": "sqs",
    "RunCommandParameters": "ssm",
    "EcsParameters": "ecs",
    "BatchParameters": "batch",
    "HttpParameters": "execute-api",
    "RedshiftDataParameters": "redshift",
    "SageMakerPipelineParameters": "sagemaker",
    "AppSyncParameters": "appsync",
}


async def check(call: Call, rule: RuleKey, target: dict) -> None:
    """Refuse what could not be delivered.

    errors   ValidationException; NotImplemented for services that are not here
    """
    arn = _arn_of(target["Arn"])
    where = arn.service
    is_destination = where == BUS and bus_of_arn(target["Arn"]) is None
    if where in OTHERS or is_destination:
        raise NotImplementedByUs(
            f"events:PutTargets with a target of {'an API destination' if is_destination else where}"
        )
    if where not in REQUESTS and where != BUS:
        raise _not_in_format(target["Arn"])
    if await call.cloud.service(SERVICES.get(where, where)) is None:
        raise NotImplementedByUs(f"events:PutTargets with a target of {where}")
    if where != BUS and arn.region != rule.bus.region:
        raise ValidationException(f"Parameter {target['Arn']} is not valid. Reason: Provided Arn is in another Region.")
    if where in NEED_A_ROLE and not target.get("RoleArn"):
        raise ValidationException(f"RoleArn is required for target {target['Arn']}.")
    for member, service in PARAMETERS.items():
        if target.get(member) is not None and service != where:
            raise ValidationException(f"Parameter(s) {member} not valid for target: {target['Id']}.")
    if where == "sqs":
        _check_group(target, arn)
    if where == BUS:
        given = [way for way in inputs.WAYS if target.get(way) is not None]
        if given:
            raise NotImplementedByUs(f"events:PutTargets with {given[0]} for an event bus")
    try:
        inputs.check(target)
    except inputs.InvalidInput as error:
        raise ValidationException(str(error)) from None
    check_dead_letters(target.get("DeadLetterConfig"), rule.bus.region)


def check_dead_letters(config: dict | None, region: str) -> None:
    """A standard queue of the rule's own Region. Source: user guide, "Using dead-letter queues", considerations."""
    text = (config or {}).get("Arn")
    if text is None:
        return
    arn = parse_arn(text)
    if arn is None or arn.service != "sqs" or arn.region != region or arn.resource.endswith(".fifo"):
        raise ValidationException(f"Parameter DeadLetterConfig.Arn is not valid. Reason: {text} is no standard queue.")


def _check_group(target: dict, arn: Arn) -> None:
    has_group = bool((target.get("SqsParameters") or {}).get("MessageGroupId"))
    if arn.resource.endswith(".fifo") and not has_group:
        raise ValidationException(f"Parameter(s) SqsParameters must be specified for target: {target['Id']}.")
    if not arn.resource.endswith(".fifo") and has_group:
        raise ValidationException(f"Parameter(s) SqsParameters not valid for target: {target['Id']}.")


def _arn_of(text: str) -> Arn:
    arn = parse_arn(text)
    if arn is None or not arn.resource:
        raise _not_in_format(text)
    return arn


def _not_in_format(text: str) -> ValidationException:
    return ValidationException(f"Parameter {text} is not valid. Reason: Provided Arn is not in correct format.")


# Requests: fn(target's ARN, target, event, text, endpoint, told) -> the requests, in their order


def requests_of(told: dict, event: dict, text: str, endpoint: str) -> list[Request]:
    """What hands `text` to the target, one request after the other."""
    arn = parse_arn(told["target"]["Arn"])
    return REQUESTS[arn.service](arn, told, event, text, endpoint)


def _to_function(arn: Arn, told: dict, event: dict, text: str, endpoint: str) -> list[Request]:
    request = {"FunctionName": str(arn), "InvocationType": "Event", "Payload": text.encode()}
    return [("lambda", "Invoke", request)]


def _to_queue(arn: Arn, told: dict, event: dict, text: str, endpoint: str) -> list[Request]:
    request: dict[str, Any] = {"QueueUrl": f"{endpoint}/{arn.account}/{arn.resource}", "MessageBody": text}
    group = (told["target"].get("SqsParameters") or {}).get("MessageGroupId")
    if group:
        request["MessageGroupId"] = group
    if told["trace"]:
        request["MessageSystemAttributes"] = {
            "AWSTraceHeader": {"DataType": "String", "StringValue": told["trace"]},
        }
    return [("sqs", "SendMessage", request)]


def _to_topic(arn: Arn, told: dict, event: dict, text: str, endpoint: str) -> list[Request]:
    return [("sns", "Publish", {"TopicArn": str(arn), "Message": text})]


def _to_log_group(arn: Arn, told: dict, event: dict, text: str, endpoint: str) -> list[Request]:
    """A stream of its own for each event, as AWS does."""
    group = arn.resource.removeprefix("log-group:").removesuffix(":*")
    where = {"logGroupName": group, "logStreamName": event["id"]}
    line = {"timestamp": told["received_ms"], "message": text}
    return [("logs", "CreateLogStream", where), ("logs", "PutLogEvents", {**where, "logEvents": [line]})]


def _to_stream(arn: Arn, told: dict, event: dict, text: str, endpoint: str) -> list[Request]:
    """Partitioned by the event's id, where the target doesn't say by what."""
    path = (told["target"].get("KinesisParameters") or {}).get("PartitionKeyPath")
    key = inputs.value_at(event, path) if path else event["id"]
    key = event["id"] if key is inputs.MISSING else key if isinstance(key, str) else str(key)
    return [("kinesis", "PutRecord", {"StreamARN": str(arn), "Data": text.encode(), "PartitionKey": key[:256]})]


def _to_delivery_stream(arn: Arn, told: dict, event: dict, text: str, endpoint: str) -> list[Request]:
    name = arn.resource.removeprefix("deliverystream/")
    return [("firehose", "PutRecord", {"DeliveryStreamName": name, "Record": {"Data": text.encode()}})]


def _to_state_machine(arn: Arn, told: dict, event: dict, text: str, endpoint: str) -> list[Request]:
    """The name is the same for the same event, rule and target: what is sent twice starts once."""
    digest = hashlib.sha256(f"{told['rule']}/{told['target']['Id']}".encode()).hexdigest()[:36]
    request = {"stateMachineArn": str(arn), "name": f"{event['id']}_{digest}", "input": text}
    return [("stepfunctions", "StartExecution", request)]


REQUESTS: dict[str, Callable[..., list[Request]]] = {
    "firehose": _to_delivery_stream,
    "kinesis": _to_stream,
    "lambda": _to_function,
    "logs": _to_log_group,
    "sns": _to_topic,
    "sqs": _to_queue,
    "states": _to_state_machine,
}
