"""What CloudWatch answers when it refuses.

Source: CloudWatch API reference, "Errors" of each operation; codes are those of the query protocol, from which the
others have theirs (x-amzn-query-error). AWS documents no texts for insight rules: those below are worded as its answers
about metrics are.
"""

from pileus.kernel.errors import AwsError
from pileus.protocol.validate import Violation, sentence


class InvalidParameterValue(AwsError):
    pass


class MissingParameter(AwsError):
    pass


class LimitExceededException(AwsError):
    """More rules than the quota."""

    text = "The maximum number of Contributor Insights rules has been reached."


class InvalidNextToken(AwsError):
    text = "The next token specified is invalid."


class ResourceNotFoundException(AwsError):
    """status: of all protocols, as the API reference has it."""

    status = 404

    def __init__(self, rule_name: str) -> None:
        super().__init__(
            f"The insight rule {rule_name} does not exist.", ResourceType="insight-rule", ResourceId=rule_name
        )


def violation(found: list[Violation]) -> AwsError:
    """Requests that the model's constraints refuse."""
    missing = next((each for each in found if each.constraint == "required"), None)
    if missing is not None:
        path = missing.path[:1].upper() + missing.path[1:]
        return MissingParameter(f"The parameter {path} is required.")
    return InvalidParameterValue(sentence(found))
