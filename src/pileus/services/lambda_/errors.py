"""What Lambda refuses, in its words. Source: API reference, "Common errors" and each operation's; recorded answers."""

from pileus.kernel.errors import AwsError, ValidationException
from pileus.protocol.validate import Violation, sentence


class LambdaError(AwsError):
    """Each has the member Type: User where the sender is at fault, else Service."""

    def __init__(self, message: str | None = None, **fields) -> None:
        super().__init__(message, **fields)
        self.fields.setdefault("Type", "Service" if self.is_fault else "User")


class InvalidParameterValueException(LambdaError):
    pass


class ResourceNotFoundException(LambdaError):
    status = 404
    text = "The resource you requested does not exist."


class ResourceConflictException(LambdaError):
    status = 409


class ResourceInUseException(LambdaError):
    """An event source mapping on its way from one state to another."""


class PreconditionFailedException(LambdaError):
    status = 412
    text = (
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
    )


class AccessDeniedException(LambdaError):
    status = 403


class PolicyLengthExceededException(LambdaError):
    pass


class ProvisionedConcurrencyConfigNotFoundException(LambdaError):
    status = 404
    text = "No Provisioned Concurrency Config found for this function"


class InvalidRequestContentException(LambdaError):
    pass


class RequestTooLargeException(LambdaError):
    status = 413


class InvalidRuntimeException(LambdaError):
    status = 502


class InvalidZipFileException(LambdaError):
    status = 502


class ServiceException(LambdaError):
    status = 500


class TooManyRequestsException(LambdaError):
    """`Reason` is one of the model's ThrottleReason."""

    status = 429
    text = "Rate Exceeded."

    def __init__(self, reason: str) -> None:
        super().__init__(None, Reason=reason)


def function_not_found(arn: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Function not found: {arn}")


def alias_not_found(arn: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Cannot find alias arn: {arn}")


def role_not_assumable() -> InvalidParameterValueException:
    return InvalidParameterValueException("The role defined for the function cannot be assumed by Lambda.")


def violation(found: list[Violation]) -> AwsError:
    """Validation errors in Lambda's words: it answers a runtime that there isn't in its own way."""
    first = found[0]
    if first.path == "runtime" and first.constraint == "enum":
        return InvalidParameterValueException(f"{first} or be a valid ARN")
    return ValidationException(sentence(found))


def beyond(value: object, member: str, constraint: str) -> ValidationException:
    """What the model allows and the operation does not, worded as the model's constraints are."""
    return ValidationException(sentence([Violation(member, "max", value, f"Member must have {constraint}")]))
