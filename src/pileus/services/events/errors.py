"""What EventBridge answers when it refuses.

Source: EventBridge API reference, "Errors" of each operation; the texts are those of answers that AWS gives.
"""

from pileus.kernel.errors import AwsError, ValidationException

__all__ = ["ValidationException"]


class ResourceNotFoundException(AwsError):
    pass


class EventBusNotFound(ResourceNotFoundException):
    code = "ResourceNotFoundException"

    def __init__(self, name: str) -> None:
        super().__init__(f"Event bus {name} does not exist.")


class RuleNotFound(ResourceNotFoundException):
    code = "ResourceNotFoundException"

    def __init__(self, name: str, bus_name: str) -> None:
        super().__init__(f"Rule {name} does not exist on EventBus {bus_name}.")


class ResourceAlreadyExistsException(AwsError):
    pass


class LimitExceededException(AwsError):
    text = "The requested resource exceeds the maximum number allowed."


class PolicyLengthExceededException(AwsError):
    text = "The event bus policy is too long. For more information, see the limits."


class InvalidEventPatternException(AwsError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"Event pattern is not valid. Reason: {reason}")


class ManagedRuleException(AwsError):
    text = (
        "This rule was created by an AWS service on behalf of your account. It is managed by that service, and can only "
        "be deleted, or have targets removed, with the Force parameter."
    )


class ArchiveNotFound(ResourceNotFoundException):
    code = "ResourceNotFoundException"

    def __init__(self, name: str) -> None:
        super().__init__(f"Archive {name} does not exist.")


class ReplayNotFound(ResourceNotFoundException):
    code = "ResourceNotFoundException"

    def __init__(self, name: str) -> None:
        super().__init__(f"Replay {name} does not exist.")


class IllegalStatusException(AwsError):
    pass
