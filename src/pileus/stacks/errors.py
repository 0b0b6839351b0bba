"""The error CloudFormation raises for everything wrong with a template or its parameters."""

from pileus.kernel.errors import AwsError


class ValidationError(AwsError):
    """Source: CloudFormation API reference, Common errors. All template mistakes carry this code; the words differ."""


def format_error(text: str) -> ValidationError:
    """The template's shape is wrong."""
    return ValidationError(f"Template format error: {text}")


def template_error(text: str) -> ValidationError:
    """A function in the template is used wrongly."""
    return ValidationError(f"Template error: {text}")


class TransformFailed(AwsError):
    """A transform refused the template: the change set fails with these words, it is no error of the call."""

    code = "ValidationError"

    def __init__(self, transform: str, reason: str) -> None:
        super().__init__(f"Transform {transform} failed with: {reason}")


class InsufficientCapabilitiesException(AwsError):
    """The template may change permissions, or be rewritten by macros, and the caller has not said that this is fine."""

    def __init__(self, needed: str) -> None:
        super().__init__(f"Requires capabilities : [{needed}]")
