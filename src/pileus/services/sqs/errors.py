"""What SQS answers when it refuses.

Source: SQS API reference, "Errors" of each operation and "Common errors"; the texts are those of recorded answers.
The model has the shapes and the query protocol's codes of most; those it lacks say so.
"""

from pileus.kernel.errors import AwsError
from pileus.protocol.validate import Violation, default_wording


class QueueDoesNotExist(AwsError):
    text = "The specified queue does not exist."


class QueueNameExists(AwsError):
    """CreateQueue with other attributes than those of the queue that has the name."""

    def __init__(self, attribute: str) -> None:
        super().__init__(f"A queue already exists with the same name and a different value for attribute {attribute}")


class QueueDeletedRecently(AwsError):
    text = "You must wait 60 seconds after deleting a queue before you can create another with the same name."


class PurgeQueueInProgress(AwsError):
    def __init__(self, queue_name: str) -> None:
        super().__init__(f"Only one PurgeQueue operation on {queue_name} is allowed every 60 seconds.")


class InvalidAddress(AwsError):
    """A QueueUrl that is none."""

    status = 404

    def __init__(self, url: str) -> None:
        super().__init__(f"The address {url} is not valid for this endpoint.")


class InvalidAttributeName(AwsError):
    def __init__(self, name: str) -> None:
        super().__init__(f"Unknown Attribute {name}.")


class InvalidAttributeValue(AwsError):
    """A queue attribute's. `message` replaces the usual words."""

    def __init__(self, name: str, message: str | None = None) -> None:
        super().__init__(message or f"Invalid value for the parameter {name}.")


class InvalidParameterValue(AwsError):
    """Not modelled; sent by every operation."""

    def __init__(self, name: str, value: object, reason: str) -> None:
        super().__init__(f"Value {value} for parameter {name} is invalid. Reason: {reason}")


class InvalidParameterText(AwsError):
    """InvalidParameterValue where AWS's text does not follow the pattern above."""

    code = "InvalidParameterValue"


class MissingParameter(AwsError):
    """Not modelled."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The request must contain the parameter {name}.")


class InvalidMessageContents(AwsError):
    text = (
        "Invalid characters found. Valid unicode characters are "
        "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
    )


class ReceiptHandleIsInvalid(AwsError):
    """Of no form that this service ever gave out, or of another queue."""

    def __init__(self, receipt_handle: str) -> None:
        super().__init__(f'The input receipt handle "{receipt_handle}" is not a valid receipt handle.')


class MessageNotInflight(AwsError):
    text = "The specified message isn't in flight."


class OverLimit(AwsError):
    """Too many messages in flight, or too many actions in a permission."""

    text = "Too many messages in flight for this queue."


class UnsupportedOperation(AwsError):
    pass


class ResourceNotFoundException(AwsError):
    """Of the message move tasks."""

    status = 404


class EmptyBatchRequest(AwsError):
    def __init__(self, entry_shape: str) -> None:
        super().__init__(f"There should be at least one {entry_shape} in the request.")


class TooManyEntriesInBatchRequest(AwsError):
    def __init__(self, count: int) -> None:
        super().__init__(f"Maximum number of entries per request are 10. You have sent {count}.")


class InvalidBatchEntryId(AwsError):
    text = (
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
        "It can be at most 80 letters long."
    )


class BatchEntryIdsNotDistinct(AwsError):
    def __init__(self, entry_id: str) -> None:
        super().__init__(f"Id {entry_id} repeated.")


class BatchRequestTooLong(AwsError):
    def __init__(self, limit_bytes: int, sent_bytes: int) -> None:
        super().__init__(f"Batch requests cannot be longer than {limit_bytes} bytes. You have sent {sent_bytes} bytes.")


def violation(found: list[Violation]) -> AwsError | None:
    """What SQS says of a request that breaks its model's constraints.

    The attributes' names are left to the operations: they say which is unknown, and ReceiveMessage accepts more of
    them than the model knows. So are message attributes without a type, which one message of a batch has alone.
    """
    found = [one for one in found if one.constraint not in ("keys", "elements") and not _is_type(one)]
    if not found:
        return None
    if found[0].constraint == "required":
        return MissingParameter(_query_name(found[0]))
    return default_wording("query", found)


def _is_type(one: Violation) -> bool:
    return one.constraint == "required" and one.path.endswith(".dataType")


def _query_name(one: Violation) -> str:
    """A member as the query protocol calls it, whatever the protocol: "SendMessageBatchRequestEntry.1.Id"."""
    names = one.path.replace(".member.", ".").split(".")
    if names[0] == "entries":
        names[0] = f"{one.shape}Entry"
    return ".".join(name[:1].upper() + name[1:] for name in names)
