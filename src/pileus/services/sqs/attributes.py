"""Queue attributes: the strings of the API on one side, the fields of a Queue on the other.

Source: SQS API reference, CreateQueue, SetQueueAttributes, GetQueueAttributes; the errors' texts are those of
recorded answers.
"""

import re
from functools import cache
from typing import Any

import orjson

from pileus.authz import policy
from pileus.protocol import models
from pileus.services.sqs import addresses
from pileus.services.sqs.errors import InvalidAttributeName, InvalidAttributeValue, InvalidParameterValue, OverLimit
from pileus.services.sqs.state.tables import Backlog, Queue, RedriveAllowPolicy, RedrivePolicy

NUMBERS = {
    # attribute: (field, least, most)
    "DelaySeconds": ("delay_s", 0, 900),
    "MaximumMessageSize": ("maximum_bytes", 1_024, 1_048_576),
    "MessageRetentionPeriod": ("retention_s", 60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": ("receive_wait_s", 0, 20),
    "VisibilityTimeout": ("visibility_timeout_s", 0, 43_200),
    "KmsDataKeyReusePeriodSeconds": ("kms_reuse_s", 60, 86_400),
}
FLAGS = {
    "FifoQueue": "is_fifo",
    "ContentBasedDeduplication": "is_content_deduplicated",
    "SqsManagedSseEnabled": "is_sqs_encrypted",
}
CHOICES = {
    "DeduplicationScope": ("deduplication_scope", ("messageGroup", "queue")),
    "FifoThroughputLimit": ("throughput_limit", ("perQueue", "perMessageGroupId")),
}
FIFO_ONLY = ("FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit")
COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
MAX_RECEIVE_COUNT = 1_000
MAX_ALLOWED_SOURCES = 10
MAX_ACTIONS = 7
"""Of a statement. Source: SQS API reference, AddPermission; a policy's by a recorded answer of SetQueueAttributes."""
MAX_STATEMENTS = 20
MAX_POLICY_BYTES = 8_192
"""Source: SQS developer guide, "Amazon SQS policy quotas"; the texts by recorded answers."""

_WHOLE_NUMBER = re.compile(r"\d{1,10}")


def fields_in(attributes: dict[str, str], *, is_fifo: bool, is_new: bool) -> dict[str, Any]:
    """The Queue fields that the attributes of a request mean; "" gives an attribute's default back.

    What depends on other queues is checked where those are: state/redrive.py.
    Raises InvalidAttributeName, InvalidAttributeValue, InvalidParameterValue.
    """
    fields: dict[str, Any] = {}
    for name, value in attributes.items():
        if name not in FIELD_OF or (name in FIFO_ONLY and not is_fifo) or (name == "FifoQueue" and not is_new):
            raise InvalidAttributeName(name)
        fields[FIELD_OF[name]] = _default(name) if value == "" else _read(name, value)
    _check_together(fields)
    return fields


def require_readable(wanted: list[str], *, is_fifo: bool) -> None:
    """Raises InvalidAttributeName, also for a FIFO queue's attributes where the queue is none."""
    for name in wanted:
        if name != "All" and (name not in READABLE or (name in FIFO_ONLY and not is_fifo)):
            raise InvalidAttributeName(name)


def out(queue: Queue, wanted: list[str], backlog: Backlog | None) -> dict[str, str]:
    """GetQueueAttributes' answer. `backlog` may be missing where no count is wanted."""
    every = _configured(queue)
    if backlog is not None:
        every |= zip(COUNTS, map(str, (backlog.visible, backlog.in_flight, backlog.delayed)), strict=True)
    if "All" in wanted:
        return every
    return {name: every[name] for name in wanted if name in every}


def wants_counts(wanted: list[str]) -> bool:
    return "All" in wanted or any(name in COUNTS for name in wanted)


def require_within_quotas(policy_text: str, statement_count: int) -> None:
    """Raises OverLimit for a policy that is too large."""
    if statement_count > MAX_STATEMENTS:
        raise OverLimit(
            f"{statement_count} statements were found in the submitted policy, max allowed is {MAX_STATEMENTS}"
        )
    if len(policy_text.encode()) > MAX_POLICY_BYTES:
        raise OverLimit("Submitted policy is over max allowed size.")


def text_of(policy: RedrivePolicy) -> str:
    return _json({"deadLetterTargetArn": policy.dead_letter_arn, "maxReceiveCount": policy.max_receive_count})


def _configured(queue: Queue) -> dict[str, str]:
    """Everything but the counts, as GetQueueAttributes prints it."""
    printed = {
        "QueueArn": queue.arn,
        "CreatedTimestamp": str(queue.created_at_ms // 1000),
        "LastModifiedTimestamp": str(queue.modified_at_ms // 1000),
    }
    printed |= {name: str(getattr(queue, field)) for name, (field, _, _) in NUMBERS.items()}
    printed["SqsManagedSseEnabled"] = _printed_flag(queue.is_sqs_encrypted)
    if queue.kms_key_id:
        printed["KmsMasterKeyId"] = queue.kms_key_id
    else:
        del printed["KmsDataKeyReusePeriodSeconds"]
    if queue.policy:
        printed["Policy"] = queue.policy
    if queue.redrive is not None:
        printed["RedrivePolicy"] = text_of(queue.redrive)
    if queue.redrive_allow is not None:
        printed["RedriveAllowPolicy"] = _allow_text(queue.redrive_allow)
    if queue.is_fifo:
        printed["FifoQueue"] = "true"
        printed["ContentBasedDeduplication"] = _printed_flag(queue.is_content_deduplicated)
        printed["DeduplicationScope"] = queue.deduplication_scope
        printed["FifoThroughputLimit"] = queue.throughput_limit
    return printed


def _default(name: str) -> Any:
    required = len(Queue.__struct_fields__) - len(Queue.__struct_defaults__)
    return Queue.__struct_defaults__[Queue.__struct_fields__.index(FIELD_OF[name]) - required]


def _read(name: str, value: str) -> Any:
    if name in NUMBERS:
        return _number(name, value)
    if name in FLAGS:
        return _flag(name, value)
    if name in CHOICES:
        if value not in CHOICES[name][1]:
            raise InvalidAttributeValue(name)
        return value
    return READERS[name][1](value)


def _number(name: str, value: str) -> int:
    _, least, most = NUMBERS[name]
    if not _WHOLE_NUMBER.fullmatch(value) or not least <= int(value) <= most:
        raise InvalidAttributeValue(name)
    return int(value)


def _flag(name: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise InvalidAttributeValue(name)
    return value.lower() == "true"


def _policy(value: str) -> str:
    try:
        document = policy.parse(value, "resource")
    except policy.MalformedPolicyDocument:
        raise InvalidAttributeValue("Policy") from None
    if document.actions_beyond(_actions()):
        raise InvalidAttributeValue("Policy")
    for statement in document.statements:
        count = len(statement.actions.texts) if statement.actions is not None else 0
        if count > MAX_ACTIONS:
            raise OverLimit(
                f"{count} actions were found in a statement from the submitted policy, max allowed is {MAX_ACTIONS}"
            )
    require_within_quotas(value, len(document.statements))
    return value


@cache
def _actions() -> frozenset[str]:
    """In lower case. A batch has none of its own, but its name is taken."""
    return frozenset(f"sqs:{name.lower()}" for name in models.load("sqs").operation_names)


def _redrive(value: str) -> RedrivePolicy:
    def refuse(reason: str) -> InvalidParameterValue:
        return InvalidParameterValue("RedrivePolicy", value, reason)

    members = _members(value)
    if members is None or not members.keys() <= {"deadLetterTargetArn", "maxReceiveCount"}:
        raise refuse("Redrive policy is not a valid JSON map.")
    if "deadLetterTargetArn" not in members:
        raise refuse("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.")
    if "maxReceiveCount" not in members:
        raise refuse("Redrive policy does not contain mandatory attribute: maxReceiveCount.")
    if addresses.of_arn(str(members["deadLetterTargetArn"])) is None:
        raise refuse("Invalid value for deadLetterTargetArn.")
    count = str(members["maxReceiveCount"])
    if not _WHOLE_NUMBER.fullmatch(count) or not 1 <= int(count) <= MAX_RECEIVE_COUNT:
        raise refuse(
            f"Invalid value for maxReceiveCount: {count}, valid values are from 1 to {MAX_RECEIVE_COUNT} both inclusive."
        )
    return RedrivePolicy(members["deadLetterTargetArn"], int(count))


def _redrive_allow(value: str) -> RedriveAllowPolicy:
    def refuse(reason: str) -> InvalidParameterValue:
        return InvalidParameterValue("RedriveAllowPolicy", value, reason)

    members = _members(value)
    if members is None or not members.keys() <= {"redrivePermission", "sourceQueueArns"}:
        raise refuse("Redrive allow policy is not a valid JSON map.")
    permission = members.get("redrivePermission")
    if permission not in ("allowAll", "denyAll", "byQueue"):
        raise refuse("Invalid value for redrivePermission, valid values are allowAll, denyAll and byQueue.")
    arns = members.get("sourceQueueArns")
    if permission != "byQueue":
        if arns is not None:
            raise refuse("sourceQueueArns can be given with redrivePermission byQueue only.")
        return RedriveAllowPolicy(permission)
    if not isinstance(arns, list) or not 1 <= len(arns) <= MAX_ALLOWED_SOURCES:
        raise refuse(f"sourceQueueArns must have 1 to {MAX_ALLOWED_SOURCES} ARNs.")
    if any(not isinstance(arn, str) or addresses.of_arn(arn) is None for arn in arns):
        raise refuse("sourceQueueArns must be ARNs of queues.")
    return RedriveAllowPolicy(permission, tuple(arns))


def _check_together(fields: dict[str, Any]) -> None:
    """What holds between the attributes of one request. A key of KMS's ends the encryption with SQS's own."""
    if fields.get("kms_key_id"):
        if fields.get("is_sqs_encrypted"):
            raise InvalidAttributeValue(
                "SqsManagedSseEnabled",
                "You can use one type of server-side encryption (SSE) at one time. "
                "You can either enable KMS SSE or SQS SSE.",
            )
        fields["is_sqs_encrypted"] = False
    elif fields.get("is_sqs_encrypted"):
        fields["kms_key_id"] = ""


def _members(text: str) -> dict[str, Any] | None:
    try:
        members = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return members if isinstance(members, dict) else None


def _allow_text(allow: RedriveAllowPolicy) -> str:
    members: dict[str, Any] = {"redrivePermission": allow.permission}
    if allow.source_arns:
        members["sourceQueueArns"] = allow.source_arns
    return _json(members)


def _json(members: dict[str, Any]) -> str:
    return orjson.dumps(members).decode()


def _printed_flag(flag: bool) -> str:
    return "true" if flag else "false"


READERS = {
    "Policy": ("policy", _policy),
    "RedrivePolicy": ("redrive", _redrive),
    "RedriveAllowPolicy": ("redrive_allow", _redrive_allow),
    "KmsMasterKeyId": ("kms_key_id", str),
}
FIELD_OF = {**{name: spec[0] for name, spec in {**NUMBERS, **CHOICES, **READERS}.items()}, **FLAGS}
"""What can be set: attribute -> field."""
NAME_OF = {field: name for name, field in FIELD_OF.items()}
READABLE = frozenset({*NAME_OF.values(), *COUNTS, "QueueArn", "CreatedTimestamp", "LastModifiedTimestamp"})
"""What GetQueueAttributes knows, beside All."""
