"""Tags, in DynamoDB's words.

Source: DynamoDB developer guide, "Tagging restrictions in DynamoDB"; the texts are those of recorded answers.
"""

from pileus.kernel.errors import ValidationException
from pileus.kernel.tags import MAX_TAGS, tag_problem


def given(tags: list[dict] | None, *, own: bool) -> dict[str, str]:
    """Tags of a request. own: stacks set their aws:cloudformation:… from inside. Raises ValidationException."""
    found: dict[str, str] = {}
    for tag in tags or ():
        key, value = tag.get("Key"), tag.get("Value")
        check_key(key)
        if value is None or tag_problem({"Key": value}) is not None:
            raise ValidationException(f"The Tag Value provided is invalid, Value: {_shown(value)}")
        if key.lower().startswith("aws:") and not own:
            raise ValidationException(f"Tag Key cannot be prefixed with aws:, Key: {key}")
        if key in found:
            raise ValidationException(f"Duplicate Tag Keys provided as input: Duplicate Tag Key found {key}")
        found[key] = value
    check_number(found)
    return found


def check_key(key: str | None) -> None:
    if key is None or tag_problem({key: ""}, own=True) is not None:
        raise ValidationException(f"The Tag Key provided is invalid, Key: {_shown(key)}")


def check_number(tags: dict[str, str] | list[str]) -> None:
    """Of what a request names, and of what a table would have. A stack's own count too."""
    if len(tags) > MAX_TAGS:
        raise ValidationException("Number of Tags exceed the current limit for the provided ResourceArn")


def _shown(given: str | None) -> str:
    return "null" if given is None else given
