"""From the text of an expression to its program."""

from collections.abc import Mapping
from typing import Any

from pileus.services.dynamodb.expressions import key_condition, search_condition
from pileus.services.dynamodb.expressions.condition import compile_condition
from pileus.services.dynamodb.expressions.documents import check_apart, resolve
from pileus.services.dynamodb.expressions.grammar import Parsed, parse
from pileus.services.dynamodb.expressions.projection import Projection
from pileus.services.dynamodb.expressions.tokens import invalid
from pileus.services.dynamodb.expressions.update import compile_update


def parsed_expression(parameter: str, text: str, names: Mapping[str, str], values: Mapping[str, dict]) -> Parsed:
    """Parse an expression and check that its placeholders are defined.

    errors   ValidationException: a syntax error, then whatever else is wrong with the text alone, then an undefined
             name, then an undefined value
    """
    parsed = parse(parameter, text)
    if parsed.fault is not None:
        raise invalid(parameter, parsed.fault)
    for name in parsed.names:
        if name not in names:
            raise invalid(
                parameter,
                f"An expression attribute name used in the document path is not defined; attribute name: {name}",
            )
    for value in parsed.values:
        if value not in values:
            raise invalid(
                parameter, f"An expression attribute value used in expression is not defined; attribute value: {value}"
            )
    return parsed


def compiled(parsed: Parsed, names: Mapping[str, str]) -> Any:
    """The program of an expression with these names.

    returns   condition.Program, update.Program, Projection or, for a key condition, (plan, condition.Program), for a
              search condition search_condition.Planned
    errors    ValidationException for what no values can make right
    """
    parameter = parsed.parameter
    if parameter == "UpdateExpression":
        return compile_update(parameter, parsed.root, names)
    if parameter == "ProjectionExpression":
        paths = [resolve(path, names) for path in parsed.root]
        check_apart(parameter, paths)
        return Projection(paths)
    if parameter == "KeyConditionExpression":
        return key_condition.plan(parsed.root, names), compile_condition(parameter, parsed.root, names)
    if parameter == search_condition.PARAMETER:
        return search_condition.plan(parsed.root, names)
    return compile_condition(parameter, parsed.root, names)
