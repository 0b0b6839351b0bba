"""Key conditions: the partition and the part of it that a Query reads.

By grammar a key condition is a condition; AWS then refuses all but comparisons of the key's attributes with values.
Source: DynamoDB developer guide, "Key condition expressions for the Query operation in DynamoDB"; the errors' texts are
those of recorded answers.
"""

from collections.abc import Mapping

import msgspec

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.expressions import documents
from pileus.services.dynamodb.expressions.nodes import (
    MIRRORED,
    And,
    Between,
    Comparison,
    Condition,
    Function,
    In,
    Not,
    Operand,
    Or,
    Path,
    Value,
)
from pileus.services.dynamodb.expressions.tokens import invalid
from pileus.services.dynamodb.values.read import INVALID

NOT_SUPPORTED = "Query key condition not supported"
WRONG_TYPE = f"{INVALID}Condition parameter type does not match schema type"
WRONG_NUMBER = "Conditions can be of length 1 or 2 only"


class KeyAttribute(msgspec.Struct, frozen=True):
    """A key attribute of a table or index: its name and type ("S", "N" or "B")."""

    name: str
    kind: str


class KeyTest(msgspec.Struct, frozen=True):
    """A test of one key attribute: `operator` is one of = < <= > >= BETWEEN begins_with, `operands` its values."""

    operator: str
    operands: tuple[dict, ...]


class KeyCondition(msgspec.Struct, frozen=True):
    """What a Query reads: one partition, and of it what meets `sort`, or all."""

    partition: dict
    sort: KeyTest | None


class Tests(msgspec.Struct, frozen=True):
    """The tests of a key condition by attribute, before anybody knows whose keys these are."""

    by_attribute: Mapping[str, KeyTest]
    is_legacy: bool = False

    def on(self, partition: KeyAttribute, sort: KeyAttribute | None) -> KeyCondition:
        """The condition on a table or index with this key.

        errors   ValidationException: not this key's attributes, another type than the schema's, no equality on the
                 partition key, an empty text
        """
        tests = self.by_attribute
        if not 1 <= len(tests) <= 2:
            keys = 1 if sort is None else 2
            raise ValidationException(
                WRONG_NUMBER
                if self.is_legacy
                else f"The number of query conditions ({len(tests)}) exceeds the number of key attributes defined in "
                f"the schema ({keys})"
            )
        if partition.name not in tests:
            raise ValidationException(f"Query condition missed key schema element: {partition.name}")
        if len(tests) == 2:
            if sort is None:
                raise ValidationException(NOT_SUPPORTED)
            if sort.name not in tests:
                raise ValidationException(f"Query condition missed key schema element: {sort.name}")
        for key in (partition, sort):
            if key is not None and key.name in tests:
                _check_operands(key, tests[key.name])
        if tests[partition.name].operator != "=":
            raise ValidationException(NOT_SUPPORTED)
        return KeyCondition(tests[partition.name].operands[0], tests[sort.name] if len(tests) == 2 else None)


Planned = tuple[tuple[str, str, tuple[str, ...]], ...]
"""Attribute, operator, value placeholders of each test."""


def plan(root: Condition, names: Mapping[str, str]) -> Planned:
    """The tests of a parsed key condition.

    errors   ValidationException for all that a key condition may not have
    """
    planned: dict[str, tuple[str, str, tuple[str, ...]]] = {}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, And):
            waiting += (node.right, node.left)
            continue
        name, operator, placeholders = _test(node, names)
        if name in planned:
            raise invalid("KeyConditionExpression", "KeyConditionExpressions must only contain one condition per key")
        planned[name] = (name, operator, placeholders)
    return tuple(planned.values())


def _test(node: Condition, names: Mapping[str, str]) -> tuple[str, str, tuple[str, ...]]:
    if isinstance(node, Or | Not | In):
        raise _wrong_operator(type(node).__name__.upper())
    if isinstance(node, Comparison):
        return _comparison(node, names)
    if isinstance(node, Between):
        return _first_is_key("BETWEEN", node.operand, (node.low, node.high), names)
    if node.name != "begins_with":
        raise _wrong_operator(node.name)
    return _first_is_key("begins_with", node.operands[0], node.operands[1:], names)


def _comparison(node: Comparison, names: Mapping[str, str]) -> tuple[str, str, tuple[str, ...]]:
    if node.operator == "<>":
        raise _wrong_operator("<>")
    _refuse_nested((node.left, node.right))
    if isinstance(node.left, Path) and isinstance(node.right, Path):
        raise ValidationException(
            "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"
        )
    if isinstance(node.left, Path):
        return _key_name(node.left, names), node.operator, (node.right.placeholder,)
    if isinstance(node.right, Path):
        return _key_name(node.right, names), MIRRORED[node.operator], (node.left.placeholder,)
    raise _no_key()


def _first_is_key(
    operator: str, first: Operand, others: tuple[Operand, ...], names: Mapping[str, str]
) -> tuple[str, str, tuple[str, ...]]:
    _refuse_nested((first, *others))
    paths = [operand for operand in (first, *others) if isinstance(operand, Path)]
    if not paths:
        raise _no_key()
    if len(paths) > 1:
        raise ValidationException(
            "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"
        )
    if not isinstance(first, Path):
        raise ValidationException(
            f"Invalid condition in KeyConditionExpression: {operator} operator must have the key attribute as its "
            "first operand"
        )
    return _key_name(first, names), operator, tuple(other.placeholder for other in others if isinstance(other, Value))


def _refuse_nested(operands: tuple[Operand, ...]) -> None:
    if any(isinstance(operand, Function) for operand in operands):
        raise ValidationException("KeyConditionExpressions cannot contain nested operations")


def _key_name(path: Path, names: Mapping[str, str]) -> str:
    if len(path.parts) > 1:
        raise ValidationException("KeyConditionExpressions cannot have conditions on nested attributes")
    return documents.resolve(path, names).parts[0]


def _wrong_operator(operator: str) -> ValidationException:
    return ValidationException(f"Invalid operator used in KeyConditionExpression: {operator}")


def _no_key() -> ValidationException:
    return ValidationException("Invalid condition in KeyConditionExpression: No key attribute specified")


def _check_operands(key: KeyAttribute, test: KeyTest) -> None:
    for operand in test.operands:
        if key.kind not in operand:
            raise ValidationException(WRONG_TYPE)
        if key.kind != "N" and not operand[key.kind]:
            kind = "string" if key.kind == "S" else "binary"
            raise ValidationException(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
                f"empty {kind} value. Key: {key.name}"
            )
