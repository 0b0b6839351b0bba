"""The legacy parameters, turned into what their successors come to.

Source: DynamoDB developer guide, "Legacy conditional parameters" (AttributesToGet, AttributeUpdates, ConditionalOperator,
Expected, KeyConditions, QueryFilter, ScanFilter); API reference, Condition, ExpectedAttributeValue,
AttributeValueUpdate; the errors' texts are those of recorded answers.
"""

from collections.abc import Iterable, Mapping

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.expressions import condition, update
from pileus.services.dynamodb.expressions.key_condition import KeyTest, Tests
from pileus.services.dynamodb.expressions.nodes import (
    And,
    Between,
    Comparison,
    Condition,
    Function,
    In,
    Not,
    Or,
    Path,
    Value,
    joined,
)
from pileus.services.dynamodb.expressions.projection import Projection
from pileus.services.dynamodb.values.compare import ORDERED, SETS, less, type_of
from pileus.services.dynamodb.values.read import INVALID, check_name, read_value

TYPE_MISMATCH = "Type mismatch for attribute to update"
NOT_INDEXABLE = "Attempted conditional constraint is not an indexable operation"

_COMPARATORS = {"EQ": "=", "NE": "<>", "LE": "<=", "LT": "<", "GE": ">=", "GT": ">"}
_FUNCTIONS = {
    "NOT_NULL": "attribute_exists",
    "NULL": "attribute_not_exists",
    "CONTAINS": "contains",
    "BEGINS_WITH": "begins_with",
}
_INDEXABLE = {
    "EQ": "=",
    "LE": "<=",
    "LT": "<",
    "GE": ">=",
    "GT": ">",
    "BETWEEN": "BETWEEN",
    "BEGINS_WITH": "begins_with",
}
_ARGUMENT_COUNTS = {"NULL": (0, 0), "NOT_NULL": (0, 0), "BETWEEN": (2, 2), "IN": (1, None)}
_ARGUMENT_TYPES = {
    **dict.fromkeys(("LE", "LT", "GE", "GT", "CONTAINS", "NOT_CONTAINS", "IN", "BETWEEN"), ORDERED),
    "BEGINS_WITH": frozenset({"S", "B"}),
}
_ADDABLE = SETS | {"N", "L"}


def filter_of(conditions: dict[str, dict], operator: str | None) -> tuple[condition.Program, dict] | None:
    """The program and values of a QueryFilter or ScanFilter, or None where it is empty."""
    return _program(
        [
            (name, one["ComparisonOperator"], _arguments(one["ComparisonOperator"], one.get("AttributeValueList")))
            for name, one in conditions.items()
        ],
        operator,
    )


def expected_of(expected: dict[str, dict], operator: str | None) -> tuple[condition.Program, dict] | None:
    """The program and values of an Expected, or None where it is empty."""
    return _program([(name, *_expectation(name, one)) for name, one in expected.items()], operator)


def refuse_lone_operator(request: Mapping) -> None:
    """Refuse a ConditionalOperator that joins nothing."""
    if request.get("ConditionalOperator") is not None:
        joined = request.get("Expected") or request.get("QueryFilter") or request.get("ScanFilter")
        if not joined:
            raise ValidationException("ConditionalOperator cannot be used without Filter or Expected")
        if len(joined) < 2:
            raise ValidationException(
                "ConditionalOperator can only be used when Filter or Expected has two or more elements"
            )


def refuse_mixed_projections(tables: Iterable[Mapping]) -> None:
    """Refuse a batch of which one table has AttributesToGet and another one a ProjectionExpression."""
    given = {name for wanted in tables for name in ("AttributesToGet", "ProjectionExpression") if wanted.get(name)}
    if len(given) == 2:
        raise ValidationException(
            "Can not use both expression and non-expression parameters in the same request: "
            "Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}"
        )


def key_condition_of(conditions: dict[str, dict]) -> Tests:
    """The tests of a KeyConditions."""
    tests = {}
    for name, one in conditions.items():
        operator = one["ComparisonOperator"]
        arguments = _arguments(operator, one.get("AttributeValueList"))
        if operator not in _INDEXABLE:
            raise ValidationException(NOT_INDEXABLE)
        tests[name] = KeyTest(_INDEXABLE[operator], tuple(arguments))
    return Tests(tests, is_legacy=True)


def projection_of(attributes: list[str]) -> Projection:
    """The projection of an AttributesToGet."""
    seen = set()
    for name in attributes:
        check_name(name)
        if name in seen:
            raise ValidationException(f"{INVALID}Duplicate value in attribute name: {name}")
        seen.add(name)
    return Projection(Path((name,)) for name in attributes)


def update_of(updates: dict[str, dict] | None) -> update.Program | None:
    """The program of an AttributeUpdates, or None where there is nothing in it."""
    if not updates:
        return None
    return update.Program(tuple(_change(name, one) for name, one in updates.items()), ())


# --- AttributeUpdates


def _change(name: str, one: dict) -> update.Change:
    check_name(name)
    action = one.get("Action") or "PUT"
    if one.get("Value") is None:
        if action != "DELETE":
            raise ValidationException(f"{INVALID}Only DELETE action is allowed when no attribute value is specified")
        return update.Change((name,), lambda item, values: None, takes_away=True)
    value = read_value(one["Value"])
    kind = type_of(value)
    if action == "PUT":
        return update.Change((name,), lambda item, values: value, takes_away=False)
    if action == "DELETE":
        if kind not in SETS:
            raise ValidationException(f"{INVALID}DELETE action with value is not supported for the type {kind}")
        change = update.delete
    else:
        if kind not in _ADDABLE:
            raise ValidationException(f"{INVALID}ADD action is not supported for the type {kind}")
        change = _append if kind == "L" else update.add

    def evaluate(item: dict, values: Mapping[str, dict]) -> dict | None:
        current = item.get(name)
        if current is not None and kind not in current:
            raise ValidationException(TYPE_MISMATCH)
        return change(current, value)

    return update.Change((name,), evaluate, takes_away=action == "DELETE")


def _append(current: dict | None, value: dict) -> dict:
    """ADD of a list: its elements after those that are there. Undocumented, and what AWS does."""
    return value if current is None else {"L": current["L"] + value["L"]}


# --- conditions


def _expectation(name: str, one: dict) -> tuple[str, list[dict]]:
    """The operator and arguments of an ExpectedAttributeValue."""
    operator, value, arguments = one.get("ComparisonOperator"), one.get("Value"), one.get("AttributeValueList")
    exists = one.get("Exists")
    if value is not None and arguments is not None:
        raise ValidationException(
            f"{INVALID}Value and AttributeValueList cannot be used together for Attribute: {name}"
        )
    if operator is not None:
        if exists is not None:
            raise ValidationException(
                f"{INVALID}Exists and ComparisonOperator cannot be used together for Attribute: {name}"
            )
        if operator not in ("NULL", "NOT_NULL") and value is None and arguments is None:
            raise ValidationException(
                f"{INVALID}Value or AttributeValueList must be used with ComparisonOperator: {operator} "
                f"for Attribute: {name}"
            )
        return operator, _arguments(operator, arguments if value is None else [value])
    if arguments is not None:
        raise ValidationException(
            f"{INVALID}AttributeValueList can only be used with a ComparisonOperator for Attribute: {name}"
        )
    if exists is False:
        if value is not None:
            raise ValidationException(f"{INVALID}Value cannot be used when Exists is false for Attribute: {name}")
        return "NULL", []
    if value is None:
        raise ValidationException(
            f"{INVALID}Value must be provided when Exists is {'null' if exists is None else 'true'} "
            f"for Attribute: {name}"
        )
    return "EQ", [read_value(value)]


def _arguments(operator: str, sent: list[dict] | None) -> list[dict]:
    """The arguments of a ComparisonOperator, read and checked."""
    arguments = [read_value(value) for value in sent or []]
    least, most = _ARGUMENT_COUNTS.get(operator, (1, 1))
    if len(arguments) < least or (most is not None and len(arguments) > most):
        raise ValidationException(f"{INVALID}Invalid number of argument(s) for the {operator} ComparisonOperator")
    allowed = _ARGUMENT_TYPES.get(operator)
    if allowed is not None:
        for argument in arguments:
            if type_of(argument) not in allowed:
                raise ValidationException(
                    f"{INVALID}ComparisonOperator {operator} is not valid for {type_of(argument)} AttributeValue type"
                )
    if operator in ("IN", "BETWEEN"):
        if len({type_of(argument) for argument in arguments}) > 1:
            raise ValidationException(f"{INVALID}AttributeValues inside AttributeValueList must be of same type")
        if operator == "BETWEEN" and less(arguments[1], arguments[0]):
            raise ValidationException(
                "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
            )
    return arguments


def _program(
    conditions: list[tuple[str, str, list[dict]]], operator: str | None
) -> tuple[condition.Program, dict] | None:
    if not conditions:
        return None
    values: dict[str, dict] = {}
    nodes = []
    for name, comparison, arguments in conditions:
        check_name(name)
        operands = [Value.placed(argument, values) for argument in arguments]
        nodes.append(_node(Path((name,)), comparison, operands))
    root = joined(Or if operator == "OR" else And, nodes)
    # A name that looks like a placeholder stands for itself.
    return condition.compile_condition("", root, {name: name for name, _, _ in conditions}), values


def _node(path: Path, operator: str, operands: list[Value]) -> Condition:
    if operator in _COMPARATORS:
        return Comparison(_COMPARATORS[operator], path, operands[0])
    if operator in _FUNCTIONS:
        return Function(_FUNCTIONS[operator], (path, *operands))
    if operator == "NOT_CONTAINS":
        # Unlike NOT contains(…), false of an attribute that is not there.
        return And(Function("attribute_exists", (path,)), Not(Function("contains", (path, *operands))))
    if operator == "BETWEEN":
        return Between(path, operands[0], operands[1])
    return In(path, tuple(operands))
