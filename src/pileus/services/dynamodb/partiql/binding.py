"""Parameters put into a statement, and whatever is a value made one: what is left are paths, literals and operators."""

from dataclasses import replace
from typing import Any

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.partiql import statements as ast
from pileus.services.dynamodb.partiql.errors import NOT_A_VALUE, NOT_ONE_TYPE, PARAMETERS_DIFFER, wrong_operand
from pileus.services.dynamodb.values import read_value
from pileus.services.dynamodb.values.compare import ORDERED, SET_OF, type_of


def bind(statement: ast.Statement, parameters: list[dict[str, Any]]) -> ast.Statement:
    """The statement with `parameters`, as they came over the wire, in the places of its question marks.

    errors   ValidationException: more or fewer parameters than question marks, a parameter or a literal that is no
             value (nested too deeply, a set that is empty, mixed or has a member twice) or has no order where one is
             asked for
    """
    if statement.parameters != len(parameters):
        raise ValidationException(PARAMETERS_DIFFER)
    values = [read_value(parameter) for parameter in parameters]
    if isinstance(statement, ast.Exists):
        return ast.Exists(replace(statement.select, where=_bound(statement.select.where, values), parameters=0))
    if isinstance(statement, ast.Insert):
        value = statement.value
        if isinstance(value, ast.MapOf):
            # An item is no value: whoever puts it checks it, and the depth of its values.
            return replace(statement, value=ast.Literal(_wire(value, values)), parameters=0)
        return replace(statement, value=_bound(value, values), parameters=0)
    if isinstance(statement, ast.Update):
        actions = tuple(
            ast.Assignment(action.path, _bound(action.value, values)) if isinstance(action, ast.Assignment) else action
            for action in statement.actions
        )
        return replace(statement, actions=actions, where=_bound(statement.where, values), parameters=0)
    return replace(statement, where=_bound(statement.where, values), parameters=0)


def _bound(node: Any, values: list[dict]) -> Any:
    match node:
        case ast.Path() | ast.Literal() | None:
            return node
        case ast.Parameter():
            return ast.Literal(values[node.at])
        case ast.ListOf() | ast.MapOf() | ast.SetOf():
            # Checked once, as a whole: depth counts from the outermost.
            return ast.Literal(read_value(_wire(node, values)))
        case ast.Call():
            return ast.Call(node.function, _all_bound(node.arguments, values))
        case ast.Arithmetic():
            return ast.Arithmetic(node.operator, _bound(node.left, values), _bound(node.right, values))
        case ast.Comparison():
            left, right = _bound(node.left, values), _bound(node.right, values)
            if node.operator not in ("=", "<>"):
                _check_ordered(node.operator, left, right)
            return ast.Comparison(node.operator, left, right)
        case ast.Between():
            parts = [_bound(part, values) for part in (node.operand, node.low, node.high)]
            _check_ordered("BETWEEN", *parts)
            return ast.Between(*parts)
        case ast.In():
            return ast.In(_bound(node.operand, values), _all_bound(node.options, values))
        case ast.Is():
            return ast.Is(_bound(node.operand, values), node.kind)
        case ast.Not():
            return ast.Not(_bound(node.part, values))
        case ast.And() | ast.Or():
            return type(node)(_all_bound(node.parts, values))
    return node


def _check_ordered(operator: str, *operands: Any) -> None:
    """Here and not where the clause is compiled, for AWS says it of a table that is not there, too."""
    for operand in operands:
        if isinstance(operand, ast.Literal) and not operand.value.keys() & ORDERED:
            raise wrong_operand(operator, type_of(operand.value))


def _all_bound(nodes: tuple, values: list[dict]) -> tuple:
    return tuple(_bound(node, values) for node in nodes)


def _wire(node: Any, values: list[dict]) -> dict[str, Any]:
    match node:
        case ast.Literal():
            return node.value
        case ast.Parameter():
            return values[node.at]
        case ast.ListOf():
            return {"L": [_wire(part, values) for part in node.parts]}
        case ast.MapOf():
            return {"M": {name: _wire(part, values) for name, part in node.parts}}
        case ast.SetOf():
            return _wire_set([_wire(part, values) for part in node.parts])
    raise ValidationException(NOT_A_VALUE)


def _wire_set(members: list[dict[str, Any]]) -> dict[str, Any]:
    (kind,) = members[0]
    if kind not in SET_OF or any(kind not in member for member in members):
        raise ValidationException(NOT_ONE_TYPE)
    return {SET_OF[kind]: [member[kind] for member in members]}
