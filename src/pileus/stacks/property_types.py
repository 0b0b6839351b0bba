"""The properties of a resource type: declared, checked and coerced as CloudFormation does.

    properties = {
        "QueueName": Property(str, replacement=True),
        "DelaySeconds": Property(int),
        "RedrivePolicy": Property(JSON),
        "Tags": Property(TAGS),
        "VpcConfig": Property({"SubnetIds": Property([str], required=True), "SecurityGroupIds": Property([str])}),
        "Environment": Property({"Variables": Property(MapOf(str))}),
        "KmsDataKeyReusePeriodSeconds": NotHonoured(harmless=[300]),
    }

A property nobody declared fails its stack by name. One that is known but without effect here is declared NotHonoured
and fails its stack too, unless its value is one that asks for what happens anyway (`harmless`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pileus.kernel.errors import AwsError
from pileus.stacks.intrinsics import Unknown, as_text


class InvalidProperty(AwsError):
    """The resource can't be made from these properties: its status reason."""

    code = "ValidationError"


class _Json:
    """A JSON document: a map, or text that holds one (`RedrivePolicy`, policy documents)."""


class _Any:
    """Passed on as it is."""


JSON = _Json()
ANYTHING = _Any()


@dataclass(frozen=True)
class MapOf:
    """A map with names of the user's choice."""

    member: Any


TypeSpec = Any
"""str, int, float, bool, JSON, ANYTHING, [item], {name: Property} or MapOf(member)."""


@dataclass(frozen=True)
class Property:
    """replacement: True, a change needs a new resource; "conditional", it may (ResourceType.replaces decides); False.

    write_only: not shown by the service's own reading operations, so drift leaves it out
    """

    type: TypeSpec
    required: bool = False
    replacement: bool | str = False
    write_only: bool = False

    @property
    def requires_recreation(self) -> str:
        """As change sets call it."""
        return {True: "Always", False: "Never"}.get(self.replacement, "Conditionally")


@dataclass(frozen=True)
class NotHonoured:
    """Known to CloudFormation, without effect here. Values in `harmless` change nothing and pass."""

    harmless: Sequence[Any] = ()
    requires_recreation: str = "Never"


TAGS = [{"Key": Property(str, required=True), "Value": Property(str, required=True)}]


def coerce(properties: Mapping[str, Any], declared: Mapping[str, Property | NotHonoured], resource_type: str) -> dict:
    """`properties` in the types declared. Unknown values (intrinsics.py) pass, so change sets can check the rest.

    raises InvalidProperty  naming the property
    """
    return _Coercion(resource_type).members(properties, declared, ())


class _Coercion:
    def __init__(self, resource_type: str) -> None:
        self.resource_type = resource_type

    def members(self, given: Mapping[str, Any], declared: Mapping, path: tuple[str, ...]) -> dict[str, Any]:
        for name in given:
            if name not in declared:
                raise InvalidProperty(f"Encountered unsupported property {name}")
        for name, property_ in declared.items():
            if isinstance(property_, Property) and property_.required and given.get(name) is None:
                raise InvalidProperty(f"Property {name} cannot be empty.")
        out: dict[str, Any] = {}
        for name, value in given.items():
            property_ = declared[name]
            if isinstance(property_, NotHonoured):
                self.refuse_unless_harmless(value, property_, (*path, name))
            else:
                out[name] = self.value(value, property_.type, (*path, name))
        return out

    def refuse_unless_harmless(self, value: Any, property_: NotHonoured, path: tuple[str, ...]) -> None:
        for harmless in property_.harmless:
            is_plain = not isinstance(value, dict | list) and not isinstance(harmless, dict | list)
            if value == harmless or (is_plain and as_text(value) == as_text(harmless)):
                return
        raise InvalidProperty(f"Pileus does not honour the property {'.'.join(path)} of {self.resource_type} yet.")

    def value(self, value: Any, spec: TypeSpec, path: tuple[str, ...]) -> Any:
        if isinstance(value, Unknown) or spec is ANYTHING:
            return value
        if isinstance(spec, list):
            if not isinstance(value, list):
                raise _mistyped(path, "List")
            return [self.value(item, spec[0], path) for item in value]
        if isinstance(spec, Mapping):
            if not isinstance(value, Mapping):
                raise InvalidProperty(f"Value of property {path[-1]} must be an object")
            return self.members(value, spec, path)
        if isinstance(spec, MapOf):
            if not isinstance(value, Mapping):
                raise InvalidProperty(f"Value of property {path[-1]} must be an object")
            return {key: self.value(member, spec.member, (*path, key)) for key, member in value.items()}
        if spec is JSON:
            return _json(value, path)
        return _scalar(value, spec, path)


def _json(value: Any, path: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            raise InvalidProperty(f"Value of property {path[-1]} must be an object") from None
    if not isinstance(value, Mapping | list):
        raise InvalidProperty(f"Value of property {path[-1]} must be an object")
    return value


def _scalar(value: Any, spec: type, path: tuple[str, ...]) -> Any:
    assert spec in (str, int, float, bool), f"no property type: {spec}"
    if isinstance(value, dict | list):
        raise _mistyped(path, {str: "String", int: "Number", float: "Number", bool: "Boolean"}[spec])
    if spec is str:
        return as_text(value)
    text = as_text(value).strip()
    if spec is bool:
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise _mistyped(path, "Boolean")
    try:
        number = float(text)
    except ValueError:
        raise _mistyped(path, "Number") from None
    if spec is float:
        return number
    if not number.is_integer():
        raise _mistyped(path, "Number")
    # Through text: a float would round what has more than 15 digits.
    return int(text) if text.lstrip("+-").isdigit() else int(number)


def _mistyped(path: tuple[str, ...], wanted: str) -> InvalidProperty:
    return InvalidProperty(f"Value of property {path[-1]} must be of type {wanted}")
