"""STS's errors. Codes from the STS API reference; the words are those of STS's recorded answers."""

from pileus.kernel.errors import AwsError
from pileus.protocol.validate import Violation, sentence


class AccessDenied(AwsError):
    status = 403


class ValidationError(AwsError):
    pass


class InvalidParameterValue(AwsError):
    pass


class PackedPolicyTooLarge(AwsError):
    pass


def violation(found: list[Violation]) -> AwsError:
    """Of a member that is missing STS says so too, where other query services answer MissingParameter."""
    return ValidationError(sentence(found))
