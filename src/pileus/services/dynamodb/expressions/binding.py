"""What a request's expressions and their legacy forms come to: one Bound per request.

Source: DynamoDB API reference, PutItem, UpdateItem, Query and so on; developer guide, "Using expressions in DynamoDB",
"Legacy conditional parameters"; the order of checking is that of recorded answers.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.expressions import condition, legacy, placeholders, update
from pileus.services.dynamodb.expressions.compiling import compiled, parsed_expression
from pileus.services.dynamodb.expressions.grammar import CACHED_CHARACTERS, CACHED_TEXTS
from pileus.services.dynamodb.expressions.key_condition import KeyTest, Tests
from pileus.services.dynamodb.expressions.projection import Projection
from pileus.services.dynamodb.expressions.search_condition import PARAMETER as SEARCH
from pileus.services.dynamodb.expressions.search_condition import SearchCondition

EXPRESSIONS = {
    "UpdateExpression": "update",
    "ConditionExpression": "condition",
    "ProjectionExpression": "projection",
    "FilterExpression": "filter",
    "KeyConditionExpression": "key_condition",
    "SearchConditionExpression": "search_condition",
}
"""And the part of a Bound that each becomes."""
LEGACY = ("AttributeUpdates", "Expected", "AttributesToGet", "QueryFilter", "ScanFilter", "ConditionalOperator")


class BoundCondition(msgspec.Struct, frozen=True):
    """A condition or filter with its values. `parameter` is the request member it comes from."""

    parameter: str
    program: condition.Program
    values: Mapping[str, dict]

    def holds(self, item: dict | None) -> bool:
        """Whether an item meets it; None is an item that is not there."""
        return self.program.evaluate(item or _NOTHING, self.values)

    @property
    def attributes(self) -> tuple[str, ...]:
        """The top-level attributes it looks at."""
        return self.program.attributes

    def refuse_keys(self, key_names: Collection[str]) -> None:
        """Raise what Query raises for a filter on the attributes of the key that it queries."""
        for name in self.program.attributes:
            if name in key_names:
                subject = "Filter Expression" if self.parameter == "FilterExpression" else self.parameter
                raise ValidationException(
                    f"{subject} can only contain non-primary key attributes: Primary key attribute: {name}"
                )


class BoundUpdate(msgspec.Struct, frozen=True):
    """An update with its values."""

    program: update.Program
    values: Mapping[str, dict]

    def apply(self, item: dict, key_names: Collection[str], *, is_new: bool = False) -> update.Updated:
        """The item it makes of `item`; see update.Program.apply."""
        return self.program.apply(item, self.values, key_names, is_new=is_new)

    def refuse_keys(self, key_names: Collection[str]) -> None:
        """Raise for an update of the primary key's attributes, whatever the item and the condition."""
        self.program.refuse_keys(key_names)

    @property
    def actions_bytes(self) -> int:
        """See update.Program."""
        return self.program.actions_bytes

    @property
    def creates_item(self) -> bool:
        """Whether it makes an item where none is: not if it only takes away."""
        return not all(change.takes_away for change in self.program.changes)

    @property
    def only_takes_away(self) -> bool:
        """Whether it changes nothing of an item that is not there, which then is not made either."""
        changes = self.program.changes
        return bool(changes) and all(change.takes_away for change in changes)

    @property
    def attributes(self) -> tuple[str, ...]:
        """The top-level attributes it changes, and those it reads for that."""
        return (*self.program.touched.attributes, *self.program.read)


class Bound(msgspec.Struct, frozen=True):
    """All expressions of a request; None where it has none. Legacy parameters stand where their successors would."""

    condition: BoundCondition | None = None
    filter: BoundCondition | None = None
    projection: Projection | None = None
    update: BoundUpdate | None = None
    key_condition: Tests | None = None
    search_condition: SearchCondition | None = None


_NOTHING: dict = {}
_PROGRAMS: dict[tuple, list[tuple[str, Any]]] = {}
"""What `_checked` found of texts, names and values' placeholders: most requests of an application repeat a few."""
_EMPTY = Bound()
_OLDER = frozenset((*LEGACY, "KeyConditions"))
_MEMBERS = _OLDER.union(EXPRESSIONS, (placeholders.NAMES, placeholders.VALUES))


def bind(request: Mapping, *expressions: str) -> Bound:
    """Read, check and compile the expressions of a request (or of a part of one: a batch's table, a transaction's item).

    expressions   those that the operation takes; needed for one error's text alone
    errors        ValidationException: mixed with legacy parameters, unused or undefined placeholders, all that is wrong
                  with the expressions
    """
    if _MEMBERS.isdisjoint(request):
        return _EMPTY  # most requests
    texts = tuple([(name, text) for name in EXPRESSIONS if (text := request.get(name)) is not None])
    older = [] if _OLDER.isdisjoint(request) else _older(request, bool(texts))
    if texts and older:
        raise ValidationException(
            "Can not use both expression and non-expression parameters in the same request: "
            f"Non-expression parameters: {{{', '.join(older)}}} "
            f"Expression parameters: {{{', '.join(name for name, _ in texts)}}}"
        )
    if not texts:
        takers = [name for name in EXPRESSIONS if name in expressions and name != "ProjectionExpression"]
        placeholders.refuse_without_expressions(request, takers)
        return _legacy(request) if older else _EMPTY
    names, values = request.get(placeholders.NAMES), request.get(placeholders.VALUES)
    known = texts, None if names is None else tuple(names.items()), None if values is None else tuple(values)
    programs = _PROGRAMS.get(known)
    if programs is None:
        programs = _checked(texts, names, values)
        _keep(known, programs)
    values = placeholders.read_values(values)
    parts = {EXPRESSIONS[parameter]: _bound(parameter, program, values) for parameter, program in programs}
    if request.get("KeyConditions") is not None:
        parts["key_condition"] = legacy.key_condition_of(request["KeyConditions"])
    return Bound(**parts)


def _checked(
    texts: Sequence[tuple[str, str]], names: dict[str, str] | None, values: dict[str, dict] | None
) -> list[tuple[str, Any]]:
    """The programs of a request's expressions by parameter. Raises whatever is wrong, in AWS's order."""
    names, values = placeholders.read_names(names), placeholders.read_values(values)
    parsed = [parsed_expression(parameter, text, names, values) for parameter, text in texts]
    programs = []
    for one in parsed:
        program = compiled(one, names)
        _bound(one.parameter, program, values)
        programs.append((one.parameter, program))
    placeholders.refuse_unused(placeholders.NAMES, names, {name for one in parsed for name in one.names})
    placeholders.refuse_unused(placeholders.VALUES, values, {value for one in parsed for value in one.values})
    return programs


def _keep(known: tuple, programs: list[tuple[str, Any]]) -> None:
    """Remember that texts, names and the values' placeholders go together: a request that repeats them is bound only."""
    texts, names, _ = known
    if sum(map(len, chain(*texts, *(names or ())))) > CACHED_CHARACTERS:
        return
    if len(_PROGRAMS) >= CACHED_TEXTS:
        _PROGRAMS.clear()
    _PROGRAMS[known] = programs


def _older(request: Mapping, has_expressions: bool) -> list[str]:
    """The legacy parameters that don't go with expressions."""
    older = [name for name in LEGACY if request.get(name) is not None]
    # KeyConditions alone goes with a FilterExpression or ProjectionExpression.
    if request.get("KeyConditions") is not None and (
        request.get("KeyConditionExpression") is not None or not has_expressions
    ):
        older.append("KeyConditions")
    return older


def _legacy(request: Mapping) -> Bound:
    legacy.refuse_lone_operator(request)
    operator = request.get("ConditionalOperator")
    parts = {}
    for name, read in (
        ("Expected", legacy.expected_of),
        ("QueryFilter", legacy.filter_of),
        ("ScanFilter", legacy.filter_of),
    ):
        if request.get(name):
            parts[name] = BoundCondition(name, *read(request[name], operator))
    updates = legacy.update_of(request.get("AttributeUpdates"))
    attributes = request.get("AttributesToGet")
    return Bound(
        condition=parts.get("Expected"),
        filter=parts.get("QueryFilter") or parts.get("ScanFilter"),
        projection=None if attributes is None else legacy.projection_of(attributes),
        update=None if updates is None else BoundUpdate(updates, _NOTHING),
        key_condition=_key_conditions(request),
    )


def _key_conditions(request: Mapping) -> Tests | None:
    conditions = request.get("KeyConditions")
    return None if conditions is None else legacy.key_condition_of(conditions)


def _bound(
    parameter: str, program: Any, values: Mapping[str, dict]
) -> BoundCondition | BoundUpdate | Projection | SearchCondition | Tests:
    """A program with the values of a request. Raises ValidationException where they are of types that it can't take."""
    if parameter == "ProjectionExpression":
        return program
    if parameter == "KeyConditionExpression":
        planned, checked = program
        for check in checked.checks:
            check(values)
        return Tests(
            {
                name: KeyTest(operator, tuple([values[value] for value in operands]))
                for name, operator, operands in planned
            }
        )
    if parameter == SEARCH:
        for check in program.program.checks:
            check(values)
        return SearchCondition(program, values)
    for check in program.checks:
        check(values)
    if parameter == "UpdateExpression":
        return BoundUpdate(program, values)
    return BoundCondition(parameter, program, values)
