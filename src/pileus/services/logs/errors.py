"""What CloudWatch Logs answers when it refuses.

Source: CloudWatch Logs API reference, "Errors" of each operation; the texts are those of answers that AWS gives.
"""

from pileus.kernel.errors import AwsError
from pileus.protocol.validate import Violation, sentence


class ResourceNotFoundException(AwsError):
    text = "The specified resource does not exist."


class LogGroupNotFound(ResourceNotFoundException):
    code = "ResourceNotFoundException"
    text = "The specified log group does not exist."


class LogStreamNotFound(ResourceNotFoundException):
    code = "ResourceNotFoundException"
    text = "The specified log stream does not exist."


class SubscriptionFilterNotFound(ResourceNotFoundException):
    code = "ResourceNotFoundException"
    text = "The specified subscription filter does not exist."


class ResourceAlreadyExistsException(AwsError):
    text = "The specified log group already exists"


class LogStreamExists(ResourceAlreadyExistsException):
    code = "ResourceAlreadyExistsException"
    text = "The specified log stream already exists"


class InvalidParameterException(AwsError):
    pass


class InvalidOperationException(AwsError):
    pass


class LimitExceededException(AwsError):
    text = "Resource limit exceeded."


class TooManyTagsException(AwsError):
    text = "A resource can have no more than 50 tags."


class ValidationException(AwsError):
    """DeleteLogGroup and DeleteLogStream below deletion protection."""


def violation(found: list[Violation]) -> AwsError:
    """Requests that the model's constraints refuse are InvalidParameterException here, in the usual words."""
    return InvalidParameterException(sentence(found))
