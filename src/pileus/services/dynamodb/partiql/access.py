"""Which keys a WHERE clause needs: one, some, ranges of them, or all, which is a scan.

The clause is looked at as alternatives: AND combines those of its parts, OR adds them up, and each alternative says
which key attributes have which value or lie in which range. Whatever else stands in the clause makes no difference
here: every item that is read is held against the whole clause afterwards, so an alternative may be too wide but never
too narrow. A clause whose alternatives would be more than MAX_ALTERNATIVES is a scan.

Source: DynamoDB developer guide, "PartiQL select statements for DynamoDB": equality or IN on the partition key, also in
each part of an OR, is no full table scan.
"""

from dataclasses import dataclass, field
from itertools import product
from typing import Any

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.expressions.nodes import MIRRORED
from pileus.services.dynamodb.partiql import statements as ast
from pileus.services.dynamodb.partiql.errors import too_many_partitions
from pileus.services.dynamodb.values import key_bytes, prefix_bytes

MAX_ALTERNATIVES = 300
"""An OR of more is no way to find keys, and of two such parts of an AND only one is."""
HASH_VALUES_MAX = 50
"""Developer guide, "PartiQL arithmetic, comparison, and logical operators for DynamoDB", IN."""
TYPE_DIFFERS = "One or more parameter values were invalid: Condition parameter type does not match schema type"

Value = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KeySchema:
    """Of a table or an index; types: S, N or B of each key attribute."""

    hash_names: tuple[str, ...]
    range_names: tuple[str, ...]
    types: dict[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        return self.hash_names + self.range_names


@dataclass(frozen=True, slots=True)
class Span:
    """Sort keys from the bytes `low` on and below `high`, None: to the end."""

    low: bytes = b""
    high: bytes | None = None

    def within(self, other: "Span") -> "Span":
        high = other.high if self.high is None else self.high if other.high is None else min(self.high, other.high)
        return Span(max(self.low, other.low), high)

    def around(self, other: "Span") -> "Span":
        """The span of both and of what lies between."""
        high = None if self.high is None or other.high is None else max(self.high, other.high)
        return Span(min(self.low, other.low), high)

    @property
    def is_empty(self) -> bool:
        return self.high is not None and self.low >= self.high


@dataclass(frozen=True, slots=True)
class Partition:
    """The values of a partition key, and which of its items. key: the whole primary key where it is given."""

    hash_values: tuple[Value, ...]
    span: Span
    key: dict[str, Value] | None = None


@dataclass(frozen=True, slots=True)
class _Alternative:
    values: dict[str, Value] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    is_mistyped: bool = False


def partitions(where: Any, schema: KeySchema) -> list[Partition] | None:
    """The partitions that the clause needs, in its own order, each once; None: it needs a scan.

    errors   ValidationException: a key attribute is compared with a value of another type
    """
    alternatives = None if where is None else _alternatives(where, schema)
    if alternatives is None:
        return None
    if any(name not in one.values for one in alternatives for name in schema.hash_names):
        return None
    if any(one.is_mistyped for one in alternatives):
        raise ValidationException(TYPE_DIFFERS)
    found: dict[tuple[bytes, ...], list[Partition]] = {}
    for one in alternatives:
        hash_values = tuple(one.values[name] for name in schema.hash_names)
        there = found.setdefault(tuple(map(key_bytes, hash_values)), [])
        span = _span(one, schema)
        if span.is_empty:
            continue
        is_whole = all(name in one.values for name in schema.range_names)
        key = {name: one.values[name] for name in schema.names} if is_whole else None
        if key is not None and all(other.key is not None for other in there):
            if all(other.key != key for other in there):
                there.append(Partition(hash_values, span, key))
            continue
        # Ranges of one partition are read as one, with what lies between: no item may be answered twice.
        for other in there:
            span = span.around(other.span)
        there[:] = [Partition(hash_values, span)]
    if len(found) > HASH_VALUES_MAX:
        raise too_many_partitions(len(found), HASH_VALUES_MAX)
    return [one for there in found.values() for one in there]


def primary_key(where: Any, schema: KeySchema) -> tuple[dict[str, Value], Any] | None:
    """The one primary key that the clause demands by equality, and the rest of the clause, None where there is none.

    None: the clause does not demand one. Only parts that AND joins demand anything.
    """
    parts = _conjuncts(where)
    key: dict[str, Value] = {}
    rest = []
    for part in parts:
        name, operator, value = _compared(part)
        if operator == "=" and name in schema.names and name not in key:
            key[name] = value
        else:
            rest.append(part)
    if len(key) != len(schema.names):
        return None
    key = {name: key[name] for name in schema.names}
    if not rest:
        return key, None
    return key, rest[0] if len(rest) == 1 else ast.And(tuple(rest))


def _conjuncts(where: Any) -> list[Any]:
    if where is None:
        return []
    if isinstance(where, ast.And):
        return [part for inner in where.parts for part in _conjuncts(inner)]
    return [where]


def _compared(node: Any) -> tuple[str, str, Value]:
    """(attribute, operator, value) of a comparison of an attribute with a value, else ("", "", {})."""
    if isinstance(node, ast.Comparison):
        if isinstance(node.left, ast.Path) and isinstance(node.right, ast.Literal):
            return node.left.name, node.operator, node.right.value
        if isinstance(node.right, ast.Path) and isinstance(node.left, ast.Literal):
            return node.right.name, MIRRORED[node.operator], node.left.value
    return "", "", {}


def _alternatives(node: Any, schema: KeySchema) -> list[_Alternative] | None:
    """None: too many to tell."""
    if isinstance(node, ast.And):
        found = [inner for part in node.parts if (inner := _alternatives(part, schema)) is not None]
        # Those that name the partition key first: what would make too many alternatives is left out, which is too wide.
        found.sort(key=lambda inner: not all(schema.hash_names[0] in one.values for one in inner))
        combined = [_Alternative()]
        for inner in found:
            if len(combined) * len(inner) > MAX_ALTERNATIVES:
                continue
            joined = (_joined(left, right) for left, right in product(combined, inner))
            combined = [one for one in joined if one is not None]
        return combined
    if isinstance(node, ast.Or):
        found = []
        for part in node.parts:
            inner = _alternatives(part, schema)
            if inner is None or len(found) + len(inner) > MAX_ALTERNATIVES:
                return None
            found += inner
        return found
    return _simple(node, schema)


def _simple(node: Any, schema: KeySchema) -> list[_Alternative]:
    if isinstance(node, ast.In) and isinstance(node.operand, ast.Path) and node.operand.name in schema.names:
        if all(isinstance(option, ast.Literal) for option in node.options):
            return [_with(node.operand.name, "=", option.value, schema) for option in node.options]
        return [_Alternative()]
    if isinstance(node, ast.Between) and isinstance(node.operand, ast.Path) and node.operand.name in schema.range_names:
        if isinstance(node.low, ast.Literal) and isinstance(node.high, ast.Literal):
            name = node.operand.name
            bounds = (_with(name, ">=", node.low.value, schema), _with(name, "<=", node.high.value, schema))
            return [one] if (one := _joined(*bounds)) is not None else []
        return [_Alternative()]
    if isinstance(node, ast.Call) and node.function == "begins_with":
        path, prefix = node.arguments
        if isinstance(path, ast.Path) and isinstance(prefix, ast.Literal) and path.name in schema.range_names:
            return [_with(path.name, "begins_with", prefix.value, schema)]
        return [_Alternative()]
    name, operator, value = _compared(node)
    usable = schema.names if operator == "=" else schema.range_names if operator in ("<", "<=", ">", ">=") else ()
    if name in usable:
        return [_with(name, operator, value, schema)]
    return [_Alternative()]


def _with(name: str, operator: str, value: Value, schema: KeySchema) -> _Alternative:
    if schema.types[name] not in value:
        return _Alternative({name: value} if operator == "=" else {}, is_mistyped=True)
    if operator == "=":
        return _Alternative(values={name: value})
    if operator == "begins_with":
        if "N" in value:
            return _Alternative(is_mistyped=True)
        start = prefix_bytes(value)
        return _Alternative(spans={name: Span(start, _after(start))})
    encoded = key_bytes(value)
    if operator in (">", ">="):
        return _Alternative(spans={name: Span(encoded if operator == ">=" else _after(encoded))})
    return _Alternative(spans={name: Span(b"", encoded if operator == "<" else _after(encoded))})


def _joined(left: _Alternative, right: _Alternative) -> _Alternative | None:
    """Both at once; None where they contradict each other."""
    values = dict(left.values)
    for name, value in right.values.items():
        if values.setdefault(name, value) != value:
            return None
    spans = dict(left.spans)
    for name, span in right.spans.items():
        spans[name] = spans[name].within(span) if name in spans else span
    return _Alternative(values, spans, left.is_mistyped or right.is_mistyped)


def _span(one: _Alternative, schema: KeySchema) -> Span:
    """The sort keys of an alternative: attributes from the left, while they are equal to a value, then one range."""
    start = b""
    for name in schema.range_names:
        span = one.spans.get(name, Span())
        if name not in one.values:
            low = start + span.low
            return Span(low, start + span.high if span.high is not None else _after(start) if start else None)
        encoded = key_bytes(one.values[name])
        if encoded < span.low or (span.high is not None and encoded >= span.high):
            return Span(b"\0", b"\0")
        start += encoded
    return Span(start, _after(start)) if start else Span()


def _after(start: bytes) -> bytes:
    """The least bytes above all that begin with `start`."""
    trimmed = start.rstrip(b"\xff")
    return trimmed[:-1] + bytes([trimmed[-1] + 1])
