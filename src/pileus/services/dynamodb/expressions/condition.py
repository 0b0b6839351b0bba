"""Conditions and filters: what may stand in them, and whether an item meets them.

A parsed condition with its names resolved is compiled into functions of (item, values), once for all requests of the
same text and names; what AWS checks of the values' types before it looks at any item is compiled into `checks`.
Source: DynamoDB developer guide, "Condition and filter expressions, operators, and functions in DynamoDB"; what it
leaves open (missing attributes, which operands are checked) follows recorded answers.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pileus.services.dynamodb.expressions import documents
from pileus.services.dynamodb.expressions.nodes import (
    And,
    Arithmetic,
    Between,
    Comparison,
    Condition,
    Function,
    In,
    Not,
    OfType,
    Operand,
    Or,
    Path,
    Value,
)
from pileus.services.dynamodb.expressions.tokens import invalid
from pileus.services.dynamodb.values import numbers
from pileus.services.dynamodb.values.compare import ORDERED, SET_OF, less, less_or_equal, type_of

MAX_IN_CHOICES = 100
"""Developer guide, "Condition and filter expressions, operators, and functions", IN."""

Evaluate = Callable[[dict, Mapping[str, dict]], bool]
Find = Callable[[dict, Mapping[str, dict]], "dict | None"]
Check = Callable[[Mapping[str, dict]], None]

OPERAND_COUNTS = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
    "size": 1,
}
_TYPES = "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}"
_TYPE_NAMES = frozenset({"B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M"})
_SIZED = frozenset({"S", "B", "SS", "NS", "BS", "L", "M"})
_CONTAINERS = frozenset({"S", "B", "SS", "NS", "BS", "L"})
_TEXTS = frozenset({"S", "B"})
_NUMBERS = frozenset({"N"})


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled condition. `attributes` are the top-level names it looks at, in the order of the text."""

    evaluate: Evaluate
    checks: tuple[Check, ...]
    attributes: tuple[str, ...]


def compile_condition(parameter: str, root: Condition, names: Mapping[str, str]) -> Program:
    """Compile a parsed condition.

    errors   ValidationException for what no values can make right: wrong functions, numbers of operands, …
    """
    compiler = _Compiler(parameter, names)
    evaluate = compiler.condition(root)
    return Program(evaluate, tuple(compiler.checks), tuple(compiler.attributes))


class _Compiler:
    def __init__(self, parameter: str, names: Mapping[str, str]) -> None:
        self.parameter = parameter
        self.names = names
        self.checks: list[Check] = []
        self.attributes: dict[str, None] = {}

    # --- the boolean level

    def condition(self, node: Condition) -> Evaluate:
        if isinstance(node, And):
            left, right = self.condition(node.left), self.condition(node.right)
            return lambda item, values: left(item, values) and right(item, values)
        if isinstance(node, Or):
            left, right = self.condition(node.left), self.condition(node.right)
            return lambda item, values: left(item, values) or right(item, values)
        if isinstance(node, Not):
            inner = self.condition(node.condition)
            return lambda item, values: not inner(item, values)
        if isinstance(node, Comparison):
            return self.comparison(node)
        if isinstance(node, Between):
            return self.between(node)
        if isinstance(node, In):
            return self.in_(node)
        if isinstance(node, OfType):
            return self.of_type(node)
        return self.predicate(node)

    def comparison(self, node: Comparison) -> Evaluate:
        operator = node.operator
        self.require_distinct(operator, node.left, node.right)
        left, right = self.operand(node.left), self.operand(node.right)
        if operator in ("=", "<>"):
            return _equality(left, right, wanted=operator == "=")
        self.require_type(operator, node.left, ORDERED)
        self.require_type(operator, node.right, ORDERED)
        if operator in (">", ">="):
            left, right = right, left
        return _order(left, right, less if operator in ("<", ">") else less_or_equal)

    def between(self, node: Between) -> Evaluate:
        self.require_distinct("BETWEEN", node.operand, node.low, node.high)
        operand, low, high = self.operand(node.operand), self.operand(node.low), self.operand(node.high)
        for one in (node.operand, node.low, node.high):
            self.require_type("BETWEEN", one, ORDERED)
        if isinstance(node.low, Value) and isinstance(node.high, Value):
            self.checks.append(_bounds_check(self.parameter, node.low.placeholder, node.high.placeholder))

        def evaluate(item: dict, values: Mapping[str, dict]) -> bool:
            found, lowest, highest = operand(item, values), low(item, values), high(item, values)
            if found is None or lowest is None or highest is None:
                return False
            return less_or_equal(lowest, found) and less_or_equal(found, highest)

        return evaluate

    def in_(self, node: In) -> Evaluate:
        if len(node.choices) > MAX_IN_CHOICES:
            raise self.invalid(
                f"The IN operator is provided with too many operands; number of operands: {len(node.choices)}"
            )
        self.require_distinct("IN", node.operand, *node.choices)
        operand = self.operand(node.operand)
        choices = [self.operand(choice) for choice in node.choices]

        def evaluate(item: dict, values: Mapping[str, dict]) -> bool:
            found = operand(item, values)
            return found is not None and any(choice(item, values) == found for choice in choices)

        return evaluate

    def of_type(self, node: OfType) -> Evaluate:
        operand, kinds = self.operand(node.operand), node.kinds

        def evaluate(item: dict, values: Mapping[str, dict]) -> bool:
            found = operand(item, values)
            return found is not None and not kinds.isdisjoint(found)

        return evaluate

    def predicate(self, node: Function) -> Evaluate:
        """A function that stands for a condition."""
        name = node.name
        self.require_allowed(node)
        if name == "size":
            raise self.misplaced(name)
        self.require_count(node)
        if name in ("attribute_exists", "attribute_not_exists"):
            if not isinstance(node.operands[0], Path):
                raise self.invalid(f"Operator or function requires a document path; operator or function: {name}")
            find = self.operand(node.operands[0])
            if name == "attribute_exists":
                return lambda item, values: find(item, values) is not None
            return lambda item, values: find(item, values) is None
        if name == "attribute_type":
            return self.attribute_type(node)
        self.require_distinct(name, *node.operands)
        one, other = self.operand(node.operands[0]), self.operand(node.operands[1])
        if name == "begins_with":
            self.require_type(name, node.operands[0], _TEXTS)
            self.require_type(name, node.operands[1], _TEXTS)
            test = begins_with
        else:
            self.require_type(name, node.operands[0], _CONTAINERS)
            test = contains

        def evaluate(item: dict, values: Mapping[str, dict]) -> bool:
            left, right = one(item, values), other(item, values)
            return left is not None and right is not None and test(left, right)

        return evaluate

    def attribute_type(self, node: Function) -> Evaluate:
        find, wanted = self.operand(node.operands[0]), node.operands[1]
        if isinstance(wanted, Function | Arithmetic):
            self.operand(wanted)
            raise self.wrong_type(node.name, "N")
        if isinstance(wanted, Path):
            raise self.wrong_type(node.name, _TYPES)
        placeholder, parameter = wanted.placeholder, self.parameter
        self.require_type(node.name, wanted, frozenset({"S"}))

        def check(values: Mapping[str, dict]) -> None:
            kind = values[placeholder]["S"]
            if kind not in _TYPE_NAMES:
                raise invalid(
                    parameter,
                    f"Invalid attribute type name found; type: {kind}, valid types: {{B,NULL,SS,BOOL,L,BS,N,NS,S,M}}",
                )

        self.checks.append(check)

        def evaluate(item: dict, values: Mapping[str, dict]) -> bool:
            found = find(item, values)
            return found is not None and values[placeholder]["S"] in found

        return evaluate

    # --- operands

    def operand(self, node: Operand) -> Find:
        if isinstance(node, Value):
            placeholder = node.placeholder
            return lambda item, values: values[placeholder]
        if isinstance(node, Path):
            parts = documents.resolve(node, self.names).parts
            self.attributes[parts[0]] = None
            if len(parts) == 1:
                name = parts[0]
                return lambda item, values: item.get(name)
            return lambda item, values: documents.find(item, parts)
        if isinstance(node, Arithmetic):
            return self.arithmetic(node)
        self.require_allowed(node)
        if node.name != "size":
            raise self.misplaced(node.name)
        self.require_count(node)
        sized = self.operand(node.operands[0])
        self.require_type("size", node.operands[0], _SIZED)

        def find(item: dict, values: Mapping[str, dict]) -> dict | None:
            found = sized(item, values)
            return None if found is None else size(found)

        return find

    def arithmetic(self, node: Arithmetic) -> Find:
        """A sum or difference; as missing as an attribute that is not there where an operand is missing or no number.

        errors   ValidationException, when it is evaluated: it has more than 38 digits or is out of range
        """
        left, right = self.operand(node.left), self.operand(node.right)
        self.require_type(node.operator, node.left, _NUMBERS)
        self.require_type(node.operator, node.right, _NUMBERS)
        calculate = numbers.add if node.operator == "+" else numbers.subtract

        def find(item: dict, values: Mapping[str, dict]) -> dict | None:
            one, other = left(item, values), right(item, values)
            if one is None or other is None or "N" not in one or "N" not in other:
                return None
            return {"N": calculate(one["N"], other["N"])}

        return find

    # --- what AWS checks

    def invalid(self, message: str) -> Exception:
        return invalid(self.parameter, message)

    def misplaced(self, name: str) -> Exception:
        return self.invalid(f"The function is not allowed to be used this way in an expression; function: {name}")

    def wrong_type(self, operator: str, kind: str) -> Exception:
        return wrong_type(self.parameter, operator, kind)

    def require_allowed(self, node: Function) -> None:
        if node.name not in OPERAND_COUNTS:
            raise self.invalid(f"The function is not allowed in a condition expression; function: {node.name}")

    def require_count(self, node: Function) -> None:
        if len(node.operands) != OPERAND_COUNTS[node.name]:
            raise wrong_count(self.parameter, node)

    def require_distinct(self, operator: str, first: Operand, *others: Operand) -> None:
        if not isinstance(first, Path):
            return
        path = documents.resolve(first, self.names)
        if any(isinstance(other, Path) and documents.resolve(other, self.names) == path for other in others):
            raise self.invalid(
                "The first operand must be distinct from the remaining operands for this operator or function; "
                f"operator: {operator}, first operand: {documents.shown(path.parts)}"
            )

    def require_type(self, operator: str, node: Operand, allowed: frozenset[str]) -> None:
        """Check the types that are known before any item is: those of values, and size()'s and a sum's."""
        if isinstance(node, Function | Arithmetic) and "N" not in allowed:
            raise self.wrong_type(operator, "N")
        if isinstance(node, Value):
            self.checks.append(type_check(self.parameter, operator, node.placeholder, allowed))


def wrong_type(parameter: str, operator: str, kind: str) -> Exception:
    """The error of an operand whose type its operator or function does not take."""
    return invalid(
        parameter,
        f"Incorrect operand type for operator or function; operator or function: {operator}, operand type: {kind}",
    )


def wrong_count(parameter: str, node: Function) -> Exception:
    """The error of a function with too few or too many operands."""
    return invalid(
        parameter,
        "Incorrect number of operands for operator or function; "
        f"operator or function: {node.name}, number of operands: {len(node.operands)}",
    )


def type_check(parameter: str, operator: str, placeholder: str, allowed: frozenset[str]) -> Check:
    """A check that the value of a placeholder has one of the allowed types."""

    def check(values: Mapping[str, dict]) -> None:
        kind = type_of(values[placeholder])
        if kind not in allowed:
            raise wrong_type(parameter, operator, kind)

    return check


def size(value: dict) -> dict | None:
    """size(): characters of a string, bytes of a binary, elements of the rest; None of what has none."""
    (kind,) = value
    return {"N": str(len(value[kind]))} if kind in _SIZED else None


def begins_with(value: dict, beginning: dict) -> bool:
    """begins_with(): of two strings or two binaries."""
    (kind,) = value
    return kind in _TEXTS and kind in beginning and value[kind].startswith(beginning[kind])


def contains(container: dict, wanted: dict) -> bool:
    """contains(): a part of a string or binary, a member of a set, an element of a list."""
    (kind,) = container
    if kind == "L":
        return wanted in container["L"]
    (wanted_kind,) = wanted
    if kind in _TEXTS:
        return kind == wanted_kind and wanted[kind] in container[kind]
    return SET_OF.get(wanted_kind) == kind and wanted[wanted_kind] in container[kind]


def bound_shown(value: dict) -> str:
    """A value as AWS prints it in the errors of BETWEEN: {N:5}."""
    (kind,) = value
    content = value[kind]
    return f"{{{kind}:{base64.b64encode(content).decode() if kind == 'B' else content}}}"


def _equality(left: Find, right: Find, wanted: bool) -> Evaluate:
    def equal(item: dict, values: Mapping[str, dict]) -> bool:
        found = left(item, values)
        return (found is not None and found == right(item, values)) is wanted

    return equal


def _order(left: Find, right: Find, test: Callable[[dict, dict], bool]) -> Evaluate:
    def ordered(item: dict, values: Mapping[str, dict]) -> bool:
        one, other = left(item, values), right(item, values)
        return one is not None and other is not None and test(one, other)

    return ordered


def _bounds_check(parameter: str, low: str, high: str) -> Check:
    def check(values: Mapping[str, dict]) -> None:
        lowest, highest = values[low], values[high]
        bounds = (
            f"lower bound operand: AttributeValue: {bound_shown(lowest)}, "
            f"upper bound operand: AttributeValue: {bound_shown(highest)}"
        )
        if type_of(lowest) != type_of(highest):
            raise invalid(
                parameter, f"The BETWEEN operator requires same data type for lower and upper bounds; {bounds}"
            )
        if less(highest, lowest):
            raise invalid(
                parameter,
                f"The BETWEEN operator requires upper bound to be greater than or equal to lower bound; {bounds}",
            )

    return check
