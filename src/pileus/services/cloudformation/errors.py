"""CloudFormation's errors beyond those of templates (stacks/errors.py). Source: the service model, and where it says
nothing the answers of the service that its tools look for."""

from pileus.kernel.errors import AwsError
from pileus.stacks.errors import InsufficientCapabilitiesException, ValidationError

__all__ = [
    "AlreadyExistsException",
    "ChangeSetNotFound",
    "InsufficientCapabilitiesException",
    "InvalidChangeSetStatus",
    "StackDoesNotExist",
    "TokenAlreadyExistsException",
    "ValidationError",
]


class StackDoesNotExist(ValidationError):
    """The AWS CLI and SAM look for "does not exist" in the words of a ValidationError."""

    code = "ValidationError"

    def __init__(self, stack: str) -> None:
        super().__init__(f"Stack with id {stack} does not exist")


class AlreadyExistsException(AwsError):
    pass


class ChangeSetNotFound(AwsError):
    status = 404

    def __init__(self, change_set: str) -> None:
        super().__init__(f"ChangeSet [{change_set}] does not exist")


class InvalidChangeSetStatus(AwsError):
    pass


class TokenAlreadyExistsException(AwsError):
    pass
