"""Tags, in DynamoDB's words.

Source: DynamoDB developer guide, "Tagging restrictions in DynamoDB".
"""

from pileus.kernel.errors import ValidationException
from pileus.kernel.tags import tag_problem


def check(tags: dict[str, str]) -> None:
    """Raise ValidationException for tags that can't be set."""
    problem = tag_problem(tags)
    if problem is not None:
        raise ValidationException(f"One or more parameter values were invalid: {problem}")
