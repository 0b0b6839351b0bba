"""WHERE, SET and REMOVE as the expressions that the other operations evaluate: nodes of expressions/, compiled there.

A literal becomes a value placeholder of its own, so that what expressions/ checks of values it checks of literals too.

`a + b` and `a - b` are what SET makes of them: 38 digits, and the same error beyond. In a clause an operand that is
missing or no number makes them MISSING, as PartiQL says of its permissive mode (specification, 7.1 "Inputs with wrong
types"). What a comparison says of a missing value is DynamoDB's: it is unequal to every other, and neither less nor
greater. A literal of another type is refused, as it is by the other operators. Source: developer guide, "PartiQL
arithmetic, comparison, and logical operators for DynamoDB".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.expressions import BoundCondition, BoundUpdate, nodes
from pileus.services.dynamodb.expressions.condition import compile_condition
from pileus.services.dynamodb.expressions.update import compile_update
from pileus.services.dynamodb.partiql import statements as ast
from pileus.services.dynamodb.partiql.errors import MISSING_HAS_NO_ORDER, no_set_to_add, not_well_formed
from pileus.services.dynamodb.partiql.types import EVERY, KINDS, MISSING
from pileus.services.dynamodb.values.compare import SETS

_EXPRESSION = "expression"
"""What expressions/ calls it in its errors; taken out again, as a statement has no parameters of that kind."""
_SET_FUNCTIONS = {"set_add": "ADD", "set_delete": "DELETE"}


def condition_of(where: Any) -> BoundCondition | None:
    """The bound clause as a condition; None where there is none.

    errors   ValidationException: operands of types or in places that their operator does not take
    """
    if where is None:
        return None
    placing = Placing()
    node = placing.condition(where)
    with plain_errors():
        program = compile_condition(_EXPRESSION, node, placing.names)
        for check in program.checks:
            check(placing.values)
    return BoundCondition(_EXPRESSION, program, placing.values)


def update_of(actions: tuple[ast.Assignment | ast.Removal, ...]) -> BoundUpdate:
    """SET and REMOVE as an update.

    errors   ValidationException: paths that overlap, operands of wrong types
    """
    placing = Placing()
    root = tuple(placing.action(action) for action in actions)
    with plain_errors():
        program = compile_update(_EXPRESSION, root, placing.names)
        for check in program.checks:
            check(placing.values)
    return BoundUpdate(program, placing.values)


@contextmanager
def plain_errors() -> Iterator[None]:
    """What expressions/ refuses is told without the name of the expression that nobody wrote."""
    try:
        yield
    except ValidationException as error:
        raise ValidationException(error.message.removeprefix(f"Invalid {_EXPRESSION}: ")) from error


class Placing:
    """Makes nodes of expressions/, and keeps the values and names that their placeholders stand for."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, Any]] = {}
        self.names: dict[str, str] = {}

    def condition(self, node: Any) -> nodes.Condition:
        match node:
            case ast.And():
                return nodes.joined(nodes.And, [self.condition(part) for part in node.parts])
            case ast.Or():
                return nodes.joined(nodes.Or, [self.condition(part) for part in node.parts])
            case ast.Not():
                return nodes.Not(self.condition(node.part))
            case ast.Comparison():
                return self._comparison(node)
            case ast.Between():
                return nodes.Between(*map(self.operand, (node.operand, node.low, node.high)))
            case ast.In():
                return nodes.In(self.operand(node.operand), tuple(map(self.operand, node.options)))
            case ast.Is():
                operand = self._tested(node.operand)
                if node.kind == MISSING:
                    return nodes.Not(nodes.OfType(operand, EVERY))
                return nodes.OfType(operand, KINDS[node.kind])
            case ast.Call() if node.function != "size":
                return nodes.Function(node.function, tuple(map(self.operand, node.arguments)))
        raise not_well_formed("Expected a condition")

    def _comparison(self, node: ast.Comparison) -> nodes.Condition:
        left, right = node.left, node.right
        if isinstance(left, ast.Missing):
            left, right = right, left
        if isinstance(right, ast.Missing):
            # Source: developer guide, "Using the MISSING function with PartiQL for DynamoDB".
            if node.operator not in ("=", "<>"):
                raise ValidationException(MISSING_HAS_NO_ORDER)
            is_there = nodes.OfType(self._tested(left), EVERY)
            return nodes.Not(is_there) if node.operator == "=" else is_there
        return nodes.Comparison(node.operator, self.operand(left), self.operand(right))

    def operand(self, node: Any) -> nodes.Operand:
        match node:
            case ast.Path():
                return self.path(node)
            case ast.Literal():
                return self._value(node.value)
            case ast.Call(function="size" | "list_append"):
                return nodes.Function(node.function, tuple(map(self.operand, node.arguments)))
            case ast.Arithmetic():
                return nodes.Arithmetic(node.operator, self.operand(node.left), self.operand(node.right))
        raise not_well_formed("Unexpected term")

    def action(self, action: ast.Assignment | ast.Removal) -> nodes.Action:
        path = self.path(action.path)
        if isinstance(action, ast.Removal):
            return nodes.Action("REMOVE", path, None)
        value = action.value
        if isinstance(value, ast.Call) and value.function in _SET_FUNCTIONS:
            members = value.arguments[1]  # the first is the path: the grammar sees to it
            if not isinstance(members, ast.Literal) or not members.value.keys() & SETS:
                raise no_set_to_add(value.function)
            return nodes.Action(_SET_FUNCTIONS[value.function], path, self._value(members.value))
        return nodes.Action("SET", path, self.operand(value))

    def path(self, path: ast.Path) -> nodes.Path:
        # A name that looks like a placeholder stands for itself.
        self.names.update((part, part) for part in path.parts if isinstance(part, str) and part.startswith("#"))
        return path

    def _tested(self, node: Any) -> nodes.Operand:
        """What IS and MISSING are asked of: something of the item."""
        if not isinstance(node, ast.Path | ast.Arithmetic | ast.Call):
            raise not_well_formed("Expected an attribute")
        return self.operand(node)

    def _value(self, value: dict[str, Any]) -> nodes.Value:
        return nodes.Value.placed(value, self.values)
