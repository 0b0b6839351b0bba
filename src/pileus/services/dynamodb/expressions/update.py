"""Updates: what may stand in them, and the item they make of another.

All operands are evaluated against the item as it was before; then the changes are made in a tree of the paths, so that
each list and map is copied once, and list indexes mean the places before the update.
Source: DynamoDB developer guide, "Using update expressions in DynamoDB"; what it leaves open follows recorded answers.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import msgspec

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.expressions import documents
from pileus.services.dynamodb.expressions.condition import Check, type_check, wrong_count, wrong_type
from pileus.services.dynamodb.expressions.nodes import Action, Arithmetic, Function, Operand, Path, Value
from pileus.services.dynamodb.expressions.projection import Projection
from pileus.services.dynamodb.expressions.tokens import invalid
from pileus.services.dynamodb.values import numbers
from pileus.services.dynamodb.values.compare import SETS, type_of
from pileus.services.dynamodb.values.read import INVALID, MAX_NESTING, NESTED_TOO_DEEP, number_order

WRONG_TYPE = "An operand in the update expression has an incorrect data type"
NO_SUCH_ATTRIBUTE = "The provided expression refers to an attribute that does not exist in the item"
WRONG_PATH = "The document path provided in the update expression is invalid for update"

Evaluate = Callable[[dict, Mapping[str, dict]], "dict | None"]
"""From the item before and the values to the attribute's new value; None removes it."""

_UPDATE_BYTES, _GIVING_BYTES, _TAKING_BYTES = 3, 19, 2
"""Of an update; of each SET and ADD, one more through a list's index; of each REMOVE and DELETE."""
_OPERAND_COUNTS = {"if_not_exists": 2, "list_append": 2}
_ADDABLE = SETS | {"N"}
_LONG_TYPES = {
    "S": "STRING",
    "N": "NUMBER",
    "B": "BINARY",
    "SS": "STRING_SET",
    "NS": "NUMBER_SET",
    "BS": "BINARY_SET",
    "BOOL": "BOOLEAN",
    "NULL": "NULL",
    "L": "LIST",
    "M": "MAP",
}


class Updated(msgspec.Struct, frozen=True):
    """An updated item, and what shows the updated parts of it and of the item before (UPDATED_NEW, UPDATED_OLD)."""

    item: dict
    touched: Projection


@dataclass(frozen=True, slots=True)
class Change:
    """One compiled action. One that only takes away is idle where the item is not there yet."""

    parts: tuple[str | int, ...]
    evaluate: Evaluate
    takes_away: bool

    @property
    def counted_bytes(self) -> int:
        if self.takes_away:
            return _TAKING_BYTES
        return _GIVING_BYTES + isinstance(self.parts[-1], int)


class Program:
    """A compiled update. `read` are the top-level names of what it makes new values of."""

    def __init__(self, changes: tuple[Change, ...], checks: tuple[Check, ...], read: tuple[str, ...] = ()) -> None:
        self.changes = changes
        self.checks = checks
        self.read = read
        self.is_flat = all(len(change.parts) == 1 for change in changes)

    @cached_property
    def touched(self) -> Projection:
        return Projection(Path(change.parts) for change in self.changes)

    @cached_property
    def actions_bytes(self) -> int:
        """What the actions count beside what they write, where UpdateItem's size is limited (state/items.py)."""
        return _UPDATE_BYTES + sum(change.counted_bytes for change in self.changes)

    def refuse_keys(self, key_names: Collection[str]) -> None:
        for change in self.changes:
            if change.parts[0] in key_names:
                raise ValidationException(
                    f"{INVALID}Cannot update attribute {change.parts[0]}. This attribute is part of the key"
                )

    def apply(
        self, item: dict, values: Mapping[str, dict], key_names: Collection[str], *, is_new: bool = False
    ) -> Updated:
        """The item that the update makes of `item`, which is left as it is.

        key_names   the attributes of the primary key, which no update may name
        is_new      `item` is the key alone, of an item that is not there yet
        errors      ValidationException
        """
        self.refuse_keys(key_names)
        if self.is_flat:
            updated = dict(item)
            for change in self.changes:
                value = change.evaluate(item, values)
                if value is None:
                    updated.pop(change.parts[0], None)
                else:
                    updated[change.parts[0]] = value
            return Updated(updated, self.touched)
        tree: dict = {}
        for change in self.changes:
            if is_new and change.takes_away:
                continue
            value = change.evaluate(item, values)
            if value is not None and len(change.parts) - 1 + _levels(value) > MAX_NESTING:
                raise ValidationException(NESTED_TOO_DEEP)
            node = tree
            for part in change.parts[:-1]:
                node = node.setdefault(part, _Below())
            node[change.parts[-1]] = value
        return Updated(_changed_map(item, tree), self.touched)


class _Below(dict):
    """The changes below a place, by part. What is no _Below is the new value of the place itself."""


def compile_update(parameter: str, root: tuple[Action, ...], names: Mapping[str, str]) -> Program:
    """Compile a parsed update.

    errors   ValidationException for what no values can make right: overlapping paths, wrong functions, …
    """
    compiler = _Compiler(parameter, names)
    changes = tuple(compiler.action(action) for action in root)
    documents.check_apart(parameter, [Path(change.parts) for change in changes])
    return Program(changes, tuple(compiler.checks), tuple(compiler.read))


def add(current: dict | None, value: dict) -> dict:
    """ADD: a number to a number, members to a set; to nothing, the value itself."""
    (kind,) = value
    if current is None:
        return value
    if kind not in current:
        raise ValidationException(WRONG_TYPE)
    if kind == "N":
        return {"N": numbers.add(current["N"], value["N"])}
    return set_of(kind, {*current[kind], *value[kind]})


def delete(current: dict | None, value: dict) -> dict | None:
    """DELETE: members from a set. None where none are left, or there was no set."""
    (kind,) = value
    if current is None:
        return None
    if kind not in current:
        raise ValidationException(WRONG_TYPE)
    left = set(current[kind]).difference(value[kind])
    return set_of(kind, left) if left else None


def set_of(kind: str, members: set) -> dict:
    """The canonical set of these members."""
    return {kind: sorted(members, key=number_order) if kind == "NS" else sorted(members)}


class _Compiler:
    def __init__(self, parameter: str, names: Mapping[str, str]) -> None:
        self.parameter = parameter
        self.names = names
        self.checks: list[Check] = []
        self.read: dict[str, None] = {}

    def action(self, action: Action) -> Change:
        parts = documents.resolve(action.path, self.names).parts
        section, operand = action.section, action.operand
        if section == "SET":
            return Change(parts, self.operand(operand, is_top=True), takes_away=False)
        if section == "REMOVE":
            return Change(parts, lambda item, values: None, takes_away=True)
        placeholder = operand.placeholder
        self.checks.append(_section_check(self.parameter, section, placeholder, _ADDABLE if section == "ADD" else SETS))
        find = documents.finder(parts)
        change = add if section == "ADD" else delete
        return Change(
            parts, lambda item, values: change(find(item), values[placeholder]), takes_away=section == "DELETE"
        )

    def arithmetic(self, node: Arithmetic) -> Evaluate:
        left, right = self.operand(node.left), self.operand(node.right)
        self.require_type(node.operator, node.left, "N")
        self.require_type(node.operator, node.right, "N")
        calculate = numbers.add if node.operator == "+" else numbers.subtract

        def evaluate(item: dict, values: Mapping[str, dict]) -> dict:
            one, other = left(item, values), right(item, values)
            if "N" not in one or "N" not in other:
                raise ValidationException(WRONG_TYPE)
            return {"N": calculate(one["N"], other["N"])}

        return evaluate

    def operand(self, node: Operand, is_top: bool = False) -> Evaluate:
        if isinstance(node, Value):
            placeholder = node.placeholder
            return lambda item, values: values[placeholder]
        if isinstance(node, Path):
            return _existing(self.finder(node))
        if isinstance(node, Arithmetic):
            return self.arithmetic(node)
        return self.function(node, is_top)

    def function(self, node: Function, is_top: bool) -> Evaluate:
        if node.name not in _OPERAND_COUNTS:
            raise self.invalid(f"The function is not allowed in an update expression; function: {node.name}")
        if node.name == "list_append" and not is_top:
            raise self.invalid(
                f"The function is not allowed to be used this way in an expression; function: {node.name}"
            )
        if len(node.operands) != _OPERAND_COUNTS[node.name]:
            raise wrong_count(self.parameter, node)
        first, second = node.operands
        if node.name == "if_not_exists":
            if not isinstance(first, Path):
                raise self.invalid("Operator or function requires a document path; operator or function: if_not_exists")
            find = self.finder(first)
            otherwise = self.operand(second)

            def found_or_other(item: dict, values: Mapping[str, dict]) -> dict:
                found = find(item)
                return otherwise(item, values) if found is None else found

            return found_or_other
        left, right = self.operand(first), self.operand(second)
        self.require_type("list_append", first, "L")
        self.require_type("list_append", second, "L")

        def append(item: dict, values: Mapping[str, dict]) -> dict:
            one, other = left(item, values), right(item, values)
            if "L" not in one or "L" not in other:
                raise ValidationException(WRONG_TYPE)
            return {"L": one["L"] + other["L"]}

        return append

    def finder(self, path: Path) -> Callable[[dict], dict | None]:
        parts = documents.resolve(path, self.names).parts
        self.read[parts[0]] = None
        return documents.finder(parts)

    def require_type(self, operator: str, node: Operand, kind: str) -> None:
        if isinstance(node, Value):
            self.checks.append(type_check(self.parameter, operator, node.placeholder, frozenset({kind})))
        elif isinstance(node, Function) and node.name == "if_not_exists":
            self.require_type(operator, node.operands[1], kind)
        elif isinstance(node, Arithmetic) and kind != "N":
            raise wrong_type(self.parameter, operator, "N")

    def invalid(self, message: str) -> Exception:
        return invalid(self.parameter, message)


def _section_check(parameter: str, section: str, placeholder: str, allowed: Collection[str]) -> Check:
    def check(values: Mapping[str, dict]) -> None:
        kind = type_of(values[placeholder])
        if kind not in allowed:
            raise invalid(
                parameter,
                f"Incorrect operand type for operator or function; operator: {section}, "
                f"operand type: {_LONG_TYPES[kind]}, typeSet: ALLOWED_FOR_{section}_OPERAND",
            )

    return check


def _existing(find: Callable[[dict], dict | None]) -> Evaluate:
    def evaluate(item: dict, values: Mapping[str, dict]) -> dict:
        found = find(item)
        if found is None:
            raise ValidationException(NO_SUCH_ATTRIBUTE)
        return found

    return evaluate


def _changed_map(members: dict, tree: dict) -> dict:
    changed = dict(members)
    for name, change in tree.items():
        if type(change) is _Below:
            changed[name] = _changed_value(members.get(name), change)
        elif change is None:
            changed.pop(name, None)
        else:
            changed[name] = change
    return changed


def _changed_value(value: dict | None, tree: _Below) -> dict:
    if value is None:
        raise ValidationException(WRONG_PATH)
    if isinstance(next(iter(tree)), str):
        if "M" not in value:
            raise ValidationException(WRONG_PATH)
        return {"M": _changed_map(value["M"], tree)}
    if "L" not in value:
        raise ValidationException(WRONG_PATH)
    return {"L": _changed_list(value["L"], tree)}


def _changed_list(elements: list, tree: _Below) -> list:
    """Elements set beyond the end are appended in the order of their indexes; removed ones go last, so none shifts."""
    changed = list(elements)
    gone = []
    for index in sorted(tree):
        change = tree[index]
        if type(change) is _Below:
            if index >= len(elements):
                raise ValidationException(WRONG_PATH)
            changed[index] = _changed_value(elements[index], change)
        elif change is None:
            gone.append(index)
        elif index < len(elements):
            changed[index] = change
        else:
            changed.append(change)
    for index in reversed(gone):
        if index < len(elements):
            del changed[index]
    return changed


def _levels(value: dict) -> int:
    """How deep a value is: 1 for a scalar or an empty list or map."""
    (kind,) = value
    if kind == "L":
        return 1 + max(map(_levels, value["L"]), default=0)
    if kind == "M":
        return 1 + max(map(_levels, value["M"].values()), default=0)
    return 1
