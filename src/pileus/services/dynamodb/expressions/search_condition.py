"""Search conditions: the partition of a vector index that SearchVectors reads, and its inline filters.

By grammar a search condition is a condition. Of it AWS takes comparisons of attributes of the search schema with values,
IN and BETWEEN, joined by AND, OR and NOT; on the HASH attribute one equality, of which all the rest is an AND.

Source: developer guide, "SearchConditionExpression reference for vector indexes", of November 2026. Before, only
equalities joined by AND were taken: API reference, SearchVectors, still says so; the texts are those recorded then.
Which functions are taken is unknown to us: whoever searches refuses them as not there yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.expressions import documents
from pileus.services.dynamodb.expressions.condition import Program, compile_condition
from pileus.services.dynamodb.expressions.key_condition import WRONG_TYPE
from pileus.services.dynamodb.expressions.nodes import (
    And,
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

PARAMETER = "SearchConditionExpression"


@dataclass(frozen=True, slots=True)
class SchemaTest:
    """
    name       the attribute
    values     its values' placeholders
    operator   of a comparison; "" for IN and BETWEEN
    is_alone   neither in an OR nor in a NOT
    """

    name: str
    values: tuple[str, ...]
    operator: str
    is_alone: bool


@dataclass(frozen=True, slots=True)
class Planned:
    tests: tuple[SchemaTest, ...]
    program: Program
    has_functions: bool


class SearchCondition(msgspec.Struct, frozen=True):
    """A search condition with its values, before anybody knows of which index."""

    planned: Planned
    values: Mapping[str, dict]

    @property
    def has_functions(self) -> bool:
        return self.planned.has_functions

    def on(self, types: Mapping[str, str], hash_name: str) -> dict | None:
        """The value of the HASH attribute of an index with these attributes in its search schema; None: it has none.

        errors   ValidationException: other attributes, another type than the schema's, no equality on the HASH attribute
        """
        found = None
        for test in self.planned.tests:
            if test.name not in types:
                raise ValidationException(
                    f"{PARAMETER} must not contain any attributes that is not in SearchSchema. "
                    f"Invalid attribute: {test.name}"
                )
        for test in self.planned.tests:
            if any(types[test.name] not in self.values[value] for value in test.values):
                raise ValidationException(WRONG_TYPE)
            if test.name != hash_name:
                continue
            if test.operator not in ("", "="):
                raise invalid(PARAMETER, f"Invalid comparator used in {PARAMETER}")
            if not test.operator or not test.is_alone:
                raise wrong_operator()
            found = self.values[test.values[0]]
        return found

    def holds(self, item: dict) -> bool:
        """Whether the attributes of the search schema that an item has meet it."""
        return self.planned.program.evaluate(item, self.values)


def wrong_operator() -> ValidationException:
    return invalid(PARAMETER, f"Invalid operator used in {PARAMETER}")


def plan(root: Condition, names: Mapping[str, str]) -> Planned:
    """Of a parsed search condition.

    errors   ValidationException for all that no search condition may have
    """
    tests: list[SchemaTest] = []
    has_functions = False
    waiting: list[tuple[Condition, bool]] = [(root, True)]
    while waiting:
        node, is_alone = waiting.pop()
        if isinstance(node, And):
            waiting += ((node.right, is_alone), (node.left, is_alone))
        elif isinstance(node, Or):
            waiting += ((node.right, False), (node.left, False))
        elif isinstance(node, Not):
            waiting.append((node.condition, False))
        elif isinstance(node, Function) or any(isinstance(operand, Function) for operand in _operands(node)):
            has_functions = True
        else:
            tests.append(_test(node, names, is_alone))
    return Planned(tuple(tests), compile_condition(PARAMETER, root, names), has_functions)


def _test(node: Condition, names: Mapping[str, str], is_alone: bool) -> SchemaTest:
    operands = _operands(node)
    paths = [operand for operand in operands if isinstance(operand, Path)]
    values = tuple(operand.placeholder for operand in operands if isinstance(operand, Value))
    # A comparison may be turned round; of IN and BETWEEN the attribute comes first.
    is_attribute_first = isinstance(node, Comparison) or isinstance(operands[0], Path)
    if len(paths) != 1 or not is_attribute_first or len(paths[0].parts) > 1:
        raise wrong_operator()
    operator = node.operator if isinstance(node, Comparison) else ""
    return SchemaTest(documents.resolve(paths[0], names).parts[0], values, operator, is_alone)


def _operands(node: Condition) -> tuple[Operand, ...]:
    if isinstance(node, Comparison):
        return node.left, node.right
    return (node.operand, *(node.choices if isinstance(node, In) else (node.low, node.high)))
