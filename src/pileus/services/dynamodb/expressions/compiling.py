"""Compiled expressions, kept in an LRU by text and names: most requests of an application repeat a few texts."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pileus.services.dynamodb.expressions import key_condition
from pileus.services.dynamodb.expressions.condition import compile_condition
from pileus.services.dynamodb.expressions.documents import check_apart, resolve
from pileus.services.dynamodb.expressions.grammar import CACHED_CHARACTERS, CACHED_TEXTS, Parsed, parse
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


def compiled(parsed: Parsed, text: str, names: Mapping[str, str]) -> Any:
    """The program of an expression with these names.

    returns   condition.Program, update.Program, Projection or, for a key condition, (plan, condition.Program)
    errors    ValidationException for what no values can make right
    """
    resolved = tuple([names[name] for name in parsed.names])
    if len(text) + sum(map(len, resolved)) <= CACHED_CHARACTERS:
        return _kept(parsed.parameter, text, resolved)
    return _compiled(parsed, resolved)


@lru_cache(maxsize=CACHED_TEXTS)
def _kept(parameter: str, text: str, resolved: tuple[str, ...]) -> Any:
    return _compiled(parse(parameter, text), resolved)


def _compiled(parsed: Parsed, resolved: tuple[str, ...]) -> Any:
    parameter = parsed.parameter
    names = dict(zip(parsed.names, resolved, strict=True))
    if parameter == "UpdateExpression":
        return compile_update(parameter, parsed.root, names)
    if parameter == "ProjectionExpression":
        paths = [resolve(path, names) for path in parsed.root]
        check_apart(parameter, paths)
        return Projection(paths)
    if parameter == "KeyConditionExpression":
        return key_condition.plan(parsed.root, names), compile_condition(parameter, parsed.root, names)
    return compile_condition(parameter, parsed.root, names)
