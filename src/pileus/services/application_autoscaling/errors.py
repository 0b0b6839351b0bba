"""What Application Auto Scaling answers when it refuses.

Source: Application Auto Scaling API reference, "Errors" of each operation; recorded texts where it is said so.
"""

from pileus.kernel.errors import AwsError


class ValidationException(AwsError):
    pass


class LimitExceededException(AwsError):
    pass


class InvalidNextTokenException(AwsError):
    text = "The next token supplied was invalid."


class ObjectNotFoundException(AwsError):
    pass


class TargetNotFound(ObjectNotFoundException):
    """Recorded."""

    code = "ObjectNotFoundException"

    def __init__(self, resource: str, dimension: str) -> None:
        super().__init__(
            "No scalable target registered for service namespace: dynamodb, "
            f"resource ID: {resource}, scalable dimension: {dimension}"
        )


class PolicyNotFound(ObjectNotFoundException):
    code = "ObjectNotFoundException"

    def __init__(self, resource: str, dimension: str, name: str) -> None:
        super().__init__(
            f"No scaling policy found for service namespace: dynamodb, resource ID: {resource}, "
            f"scalable dimension: {dimension}, policy name: {name}"
        )


class ResourceNotFoundException(AwsError):
    """Of the tagging operations, which name a target by its ARN."""

    text = "The specified resource doesn't exist."

    def __init__(self, arn: str) -> None:
        super().__init__(ResourceName=arn)


class TooManyTagsException(AwsError):
    text = "The request contains too many tags. Try the request again with fewer tags."

    def __init__(self, arn: str) -> None:
        super().__init__(ResourceName=arn)
