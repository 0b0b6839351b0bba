"""ExpressionAttributeNames and ExpressionAttributeValues: checked, and refused where no expression uses them.

Source: DynamoDB developer guide, "Expression attribute names (aliases)", "Using expression attribute values", "Quotas
in Amazon DynamoDB"; the errors' texts are those of recorded answers.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.values.read import (
    EMPTY_NAME,
    INVALID,
    LONG_NAME,
    MAX_NAME_BYTES,
    NESTED_TOO_DEEP,
    read_value,
)
from pileus.services.dynamodb.values.sizes import item_bytes

NAMES, VALUES = "ExpressionAttributeNames", "ExpressionAttributeValues"
MAX_PLACEHOLDER_BYTES = 255
MAX_SUBSTITUTION_BYTES = 2 * 1024 * 1024

_is_name_placeholder = re.compile(r"#[A-Za-z0-9_]+").fullmatch
_is_value_placeholder = re.compile(r":[A-Za-z0-9_]+").fullmatch


def refuse_without_expressions(request: Mapping, takers: Sequence[str]) -> None:
    """Refuse placeholders in a request without expressions. `takers` are those of the operation that take values."""
    if request.get(NAMES) is not None:
        raise ValidationException(f"{NAMES} can only be specified when using expressions")
    if request.get(VALUES) is not None:
        verb = "is" if len(takers) == 1 else "are"
        raise ValidationException(
            f"{VALUES} can only be specified when using expressions: {' and '.join(takers)} {verb} null"
        )


def read_names(names: dict[str, str] | None) -> dict[str, str]:
    """The names by placeholder, checked."""
    if names is None:
        return {}
    if not names:
        raise ValidationException(f"{NAMES} must not be empty")
    for placeholder, name in names.items():
        if not _is_name_placeholder(placeholder):
            raise ValidationException(f'{NAMES} contains invalid key: Syntax error; key: "{placeholder}"')
        _check_length(NAMES, placeholder)
        if not name:
            raise ValidationException(f"{NAMES} contains invalid value: {EMPTY_NAME} for key {placeholder}")
        if len(name) > MAX_NAME_BYTES // 4 and len(name.encode()) > MAX_NAME_BYTES:
            raise ValidationException(LONG_NAME)
    return names


def read_values(values: dict[str, dict] | None) -> dict[str, dict]:
    """The values by placeholder, in canonical form."""
    if values is None:
        return {}
    if not values:
        raise ValidationException(f"{VALUES} must not be empty")
    read = {}
    for placeholder, value in values.items():
        if not _is_value_placeholder(placeholder):
            raise ValidationException(f'{VALUES} contains invalid key: Syntax error; key: "{placeholder}"')
        _check_length(VALUES, placeholder)
        try:
            read[placeholder] = read_value(value)
        except ValidationException as why:
            if why.message in (NESTED_TOO_DEEP, LONG_NAME):
                raise
            raise ValidationException(f"{VALUES} contains invalid value: {why.message} for key {placeholder}") from why
    if item_bytes(read) > MAX_SUBSTITUTION_BYTES:
        raise ValidationException(
            f"{INVALID}{VALUES} exceeds the maximum length of all substitution variables in an expression, "
            f"{MAX_SUBSTITUTION_BYTES} bytes"
        )
    return read


def refuse_unused(parameter: str, given: Iterable[str], used: Collection[str]) -> None:
    """Refuse placeholders that no expression of the request names."""
    unused = [placeholder for placeholder in given if placeholder not in used]
    if unused:
        raise ValidationException(f"Value provided in {parameter} unused in expressions: keys: {{{', '.join(unused)}}}")


def _check_length(parameter: str, placeholder: str) -> None:
    if len(placeholder) > MAX_PLACEHOLDER_BYTES:
        raise ValidationException(
            f"{parameter} contains invalid key: The expression attribute map contains a key that is too long; "
            f'key: "{placeholder}"'
        )
