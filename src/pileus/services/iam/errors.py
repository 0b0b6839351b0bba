"""IAM's errors. Codes and statuses from the IAM API reference; the words are those of IAM's recorded answers."""

from pileus.kernel.errors import AwsError


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
