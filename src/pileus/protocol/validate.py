"""The model's constraints, compiled; what breaks them, as data; AWS's words for it.

Checks return None where all is well, so that a fitting request costs a few dictionary lookups; paths and texts are made only
for what does not fit. A value of a wrong type is refused at once (SerializationException), as AWS's
deserializers do before any constraint is looked at.

Wording as in answers of AWS's services: "2 validation errors detected: Value '…' at 'tableName' failed to satisfy
constraint: Member must have length greater than or equal to 3; Value null at …".
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from pileus.kernel.errors import AwsError, ValidationException

from . import patterns
from .refusals import MalformedXML, mismatch
from .shapes import Ref, Shape


@dataclass(frozen=True)
class Violation:
    """One broken constraint.

    path        as AWS spells it: "tags.1.member.key"; members begin in lower case
    member      the outermost member, as the model spells it
    shape       the structure that it is a member of, which tells an operation's input from another's
    constraint  required, min_length, max_length, min, max, pattern, enum, elements, keys or values
    text        "Member must …"
    """

    path: str
    constraint: str
    value: object
    text: str
    limit: object = None
    member: str = ""
    is_sensitive: bool = False
    shape: str = ""

    def __str__(self) -> str:
        shown = "" if self.is_sensitive else f" {_shown(self.value)}"
        return f"Value{shown} at '{self.path}' failed to satisfy constraint: {self.text}"


class MissingParameter(AwsError):
    """Source: the query APIs' "Common errors"."""


class ValidationError(AwsError):
    """Source: the query APIs' "Common errors"."""


class InvalidArgument(AwsError):
    """Source: Amazon S3 API reference, "List of error codes"."""


def default_wording(protocol: str, found: list[Violation]) -> AwsError:
    """What most services of a protocol answer; others bring their own wording."""
    missing = [violation for violation in found if violation.constraint == "required"]
    if protocol in ("query", "ec2") and missing:
        name = missing[0].path
        return MissingParameter(f"The request must contain the parameter {name[:1].upper()}{name[1:]}")
    if protocol == "rest-xml":
        return MalformedXML() if missing else InvalidArgument(sentence(found))
    return (ValidationError if protocol in ("query", "ec2") else ValidationException)(sentence(found))


def sentence(found: list[Violation]) -> str:
    count = len(found)
    return f"{count} validation error{'' if count == 1 else 's'} detected: {'; '.join(map(str, found))}"


def _shown(value: object) -> str:
    return "null" if value is None else f"'{_java(value)}'"


def _java(value: object) -> str:
    """Values as Java prints them, which is how AWS's messages show them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_java(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_java, value)) + "]"
    return (
        str(value)
        if not isinstance(value, bytes)
        else f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    )


Check = Callable[[object], list[Violation] | None]


def checker(shapes: dict[str, Shape], ref: Ref | None) -> Check:
    """A function from params to what they break, or None."""
    if ref is None:
        return lambda params: None
    return _Checks(shapes).of(ref)


class _Checks:
    def __init__(self, shapes: dict[str, Shape]) -> None:
        self.shapes = shapes
        self._built: dict[str, Check] = {}

    def of(self, ref: Ref) -> Check | None:
        if ref.shape not in self._built:
            shape = self.shapes[ref.shape]
            if shape.document or shape.eventstream or shape.streaming:
                self._built[ref.shape] = None
            elif shape.type == "structure":
                self._structure(ref.shape, shape)
            elif shape.type == "list":
                self._list(ref.shape, shape)
            elif shape.type == "map":
                self._map(ref.shape, shape)
            else:
                self._built[ref.shape] = _SCALARS[shape.type](shape)
        return self._built[ref.shape]

    def _structure(self, name: str, shape: Shape) -> None:
        checks: dict[str, Check] = {}
        required = tuple(member for member in shape.required if member in shape.members)
        sensitive = shape.sensitive

        def check(value: dict) -> list[Violation] | None:
            if type(value) is not dict:
                raise mismatch(value, "structure")
            bad = None
            for member, inner in value.items():
                look = checks.get(member)
                if look is not None and inner is not None:
                    found = look(inner)
                    if found is not None:
                        bad = (bad or []) + [_inside(name, member, v, sensitive) for v in found]
            for member in required:
                if value.get(member) is None:
                    text = "Member must not be null"
                    gap = Violation(_lowered(member), "required", None, text, member=member, shape=name)
                    bad = [*(bad or []), gap]
            return bad

        self._built[name] = check
        for member, ref in shape.members.items():
            look = None if ref.streaming else self.of(ref)
            if look is not None:
                checks[member] = look

    def _list(self, name: str, shape: Shape) -> None:
        look: Check | None = None
        element = self.shapes[shape.member.shape]
        is_scalar = element.type not in ("structure", "list", "map")
        least, most = shape.min, shape.max

        def check(value: list) -> list[Violation] | None:
            if type(value) is not list:
                raise mismatch(value, "list")
            bad = _length(value, least, most) if least is not None or most is not None else None
            if look is None:
                return bad
            for index, inner in enumerate(value, 1):
                found = look(inner) if inner is not None else None
                if found is None:
                    continue
                if is_scalar:
                    text = f"Member must satisfy constraint: [{_all_constraints(element)}]"
                    return [*(bad or []), Violation("", "elements", value, text, found[0].limit)]
                bad = (bad or []) + [replace(v, path=f"{index}.member.{v.path}") for v in found]
            return bad

        self._built[name] = check
        look = self.of(shape.member)

    def _map(self, name: str, shape: Shape) -> None:
        look_key: Check | None = None
        look_value: Check | None = None
        key_shape, value_shape = self.shapes[shape.key.shape], self.shapes[shape.value.shape]
        is_scalar = value_shape.type not in ("structure", "list", "map")
        least, most = shape.min, shape.max
        names_length_max = _length_max(key_shape)

        def check(value: dict) -> list[Violation] | None:
            if type(value) is not dict:
                raise mismatch(value, "map")
            bad = _length(value, least, most) if least is not None or most is not None else None
            if look_value is None and names_length_max is not None and _are_together_within(value, names_length_max):
                return bad  # an item's attributes, say, of which nothing else is to be checked here
            for key, inner in value.items():
                if look_key is not None and look_key(key) is not None:
                    text = f"Map keys must satisfy constraint: [{_all_constraints(key_shape)}]"
                    return [*(bad or []), Violation("", "keys", value, text)]
                found = look_value(inner) if look_value is not None and inner is not None else None
                if found is None:
                    continue
                if is_scalar:
                    text = f"Map value must satisfy constraint: [{_all_constraints(value_shape)}]"
                    return [*(bad or []), Violation("", "values", value, text, found[0].limit)]
                bad = (bad or []) + [replace(v, path=f"{key}.member.{v.path}" if v.path else key) for v in found]
            return bad

        self._built[name] = check
        look_key = self.of(shape.key)
        look_value = self.of(shape.value)


def _lowered(member: str) -> str:
    return member[:1].lower() + member[1:]


def _inside(shape: str, member: str, violation: Violation, is_sensitive: bool) -> Violation:
    path = f"{_lowered(member)}.{violation.path}" if violation.path else _lowered(member)
    is_sensitive = violation.is_sensitive or is_sensitive
    return replace(violation, path=path, member=member, shape=shape, is_sensitive=is_sensitive)


def _at_most(what: str, limit: object) -> str:
    return f"Member must have {what} less than or equal to {limit}"


def _at_least(what: str, limit: object) -> str:
    return f"Member must have {what} greater than or equal to {limit}"


def _length(value: list | dict | str | bytes, least: int | None, most: int | None, sensitive: bool = False):
    size = len(value)
    if most is not None and size > most:
        return [Violation("", "max_length", value, _at_most("length", most), most, is_sensitive=sensitive)]
    if least is not None and size < least:
        return [Violation("", "min_length", value, _at_least("length", least), least, is_sensitive=sensitive)]
    return None


def _length_max(shape: Shape) -> int | None:
    """How long a string may be, where that is the only constraint."""
    has_others = shape.type != "string" or shape.pattern is not None or shape.enum or shape.min
    return None if has_others else shape.max


def _are_together_within(texts: Iterable[object], length_max: int) -> bool:
    """Whether all of them in one row are no longer than one may be: looked at at once, as it is mostly so."""
    try:
        return len("".join(texts)) <= length_max
    except TypeError:
        return False  # no text: for the careful way to refuse


def _all_constraints(shape: Shape) -> str:
    """All of a scalar's constraints: AWS names them together when an element breaks one."""
    what = "length" if shape.type in ("string", "blob") else "value"
    texts = []
    if shape.max is not None:
        texts.append(_at_most(what, shape.max))
    if shape.min is not None:
        texts.append(_at_least(what, shape.min))
    if shape.pattern:
        texts.append(f"Member must satisfy regular expression pattern: {shape.pattern}")
    if shape.enum:
        texts.append(f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    return ", ".join(texts)


def _any_string(value: object) -> None:
    if type(value) is not str:
        raise mismatch(value, "String")


def _string(shape: Shape) -> Check:
    least, most, pattern, sensitive = shape.min, shape.max, shape.pattern, shape.sensitive
    values = frozenset(shape.enum)
    if pattern is None and not values:
        if most is None and (least is None or least <= 0):
            return _any_string
        top = most if most is not None else 1 << 62
        low = least or 0

        def check_length(value: str) -> list[Violation] | None:
            if type(value) is not str:
                raise mismatch(value, "String")
            return None if low <= len(value) <= top else _length(value, least, most, sensitive)

        return check_length

    def check(value: str) -> list[Violation] | None:
        if type(value) is not str:
            raise mismatch(value, "String")
        bad = None
        if values and value not in values:
            text = f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
            bad = [Violation("", "enum", value, text, shape.enum, is_sensitive=sensitive)]
        if pattern is not None and len(value) <= patterns.SCANNED_LENGTH:
            fits = patterns.compiled(pattern)
            if fits is not None and not fits(value):
                text = f"Member must satisfy regular expression pattern: {pattern}"
                bad = [*(bad or []), Violation("", "pattern", value, text, pattern, is_sensitive=sensitive)]
        if least is not None or most is not None:
            size = _length(value, least, most, sensitive)
            if size is not None:
                bad = (bad or []) + size
        return bad

    return check


def _number(wanted: str, *types: type, bits: int = 0) -> Callable[[Shape], Check]:
    """`bits`: what the type holds, 0 for any size. What is larger can't be read, as at AWS."""
    beyond = 1 << bits - 1 if bits else 0

    def build(shape: Shape) -> Check:
        least, most, sensitive = shape.min, shape.max, shape.sensitive

        def check(value: float) -> list[Violation] | None:
            if type(value) not in types or (beyond and not -beyond <= value < beyond):
                raise mismatch(value, wanted)
            if most is not None and value > most:
                return [Violation("", "max", value, _at_most("value", most), most, is_sensitive=sensitive)]
            if least is not None and value < least:
                return [Violation("", "min", value, _at_least("value", least), least, is_sensitive=sensitive)]
            return None

        return check

    return build


def _blob(shape: Shape) -> Check | None:
    least, most = shape.min, shape.max

    def check(value: object) -> list[Violation] | None:
        if type(value) is not bytes:
            raise mismatch(value, "Blob")
        return _length(value, least, most, True)

    return check


def _of_type(wanted: str, kind: type) -> Callable[[Shape], Check]:
    def check(value: object) -> None:
        if not isinstance(value, kind):
            raise mismatch(value, wanted)

    return lambda shape: check


_SCALARS: dict[str, Callable[[Shape], Check | None]] = {
    "string": _string,
    "character": _string,
    "integer": _number("Integer", int, bits=32),
    "long": _number("Long", int, bits=64),
    "short": _number("Short", int, bits=16),
    "byte": _number("Byte", int, bits=8),
    "biginteger": _number("BigInteger", int),
    "bigdecimal": _number("BigDecimal", int, float),
    "float": _number("Float", int, float),
    "double": _number("Double", int, float),
    "boolean": _of_type("Boolean", bool),
    "timestamp": _of_type("Timestamp", datetime),
    "blob": _blob,
}
