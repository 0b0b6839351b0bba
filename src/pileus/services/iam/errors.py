"""IAM's errors. Codes and statuses from the IAM API reference; the words are those of IAM's recorded answers."""

import re

from pileus.kernel.errors import AwsError
from pileus.protocol.validate import Violation, sentence

_NAME = re.compile(r"\w+Name")


class NoSuchEntity(AwsError):
    status = 404


class EntityAlreadyExists(AwsError):
    status = 409


class DeleteConflict(AwsError):
    status = 409


class LimitExceeded(AwsError):
    status = 409


class InvalidInput(AwsError):
    pass


class UnmodifiableEntity(AwsError):
    pass


class ValidationError(AwsError):
    pass


class PolicyNotAttachable(AwsError):
    pass


class NotSupportedService(AwsError):
    status = 404


class InvalidClientTokenId(AwsError):
    status = 403
    text = "The security token included in the request is invalid"


def quota_exceeded(quota: str, limit: int) -> LimitExceeded:
    return LimitExceeded(f"Cannot exceed quota for {quota}: {limit}")


def violation(found: list[Violation]) -> AwsError:
    """What IAM says of a request that breaks its model's constraints; of names in words of its own."""
    first = found[0]
    if first.constraint == "pattern" and _NAME.fullmatch(first.path):
        return ValidationError(
            f"The specified value for {first.path} is invalid. It must contain only alphanumeric characters and/or the "
            "following: +=,.@_-"
        )
    return ValidationError(sentence(found))
