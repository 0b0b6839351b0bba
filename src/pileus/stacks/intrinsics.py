"""Evaluate a template's functions: `evaluate(value, scope)` gives the value without them.

Pure and total over what is known: the scope says what every name means now. A reference to a resource that does not
exist yet gives an `Unknown`, and whatever is made of it is Unknown too; so the same code serves the executor (which
evaluates a resource when all it refers to exists and finds no Unknown) and the change set (which does not).

Source: user guide, "Intrinsic function reference". The wording of errors is CloudFormation's.
"""

import base64
import ipaddress
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pileus.stacks.errors import format_error, template_error
from pileus.stacks.references import VARIABLE


@dataclass(frozen=True)
class Unknown:
    """A value known only when the stack is being made, and the references it waits for: names, names with attributes,
    "Fn::ImportValue name" of an export that is not there."""

    references: tuple[str, ...]

    def __str__(self) -> str:
        return "{{changeSet:KNOWN_AFTER_APPLY}}"


class _NoValue:
    def __repr__(self) -> str:
        return "AWS::NoValue"


NO_VALUE = _NoValue()
"""What `!Ref AWS::NoValue` gives: the member or item that holds it vanishes."""


@dataclass(frozen=True)
class Made:
    """A resource that exists: what Ref gives and what Fn::GetAtt gives.

    Nested attributes are found both flat ("Endpoint.Address") and nested ({"Endpoint": {"Address": …}}).

    is_changing  it may yet get attributes that it doesn't have (a table that is to have a stream: StreamArn)
    """

    reference: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    is_changing: bool = False


@dataclass(frozen=True)
class Pseudo:
    account: str
    region: str
    stack_name: str
    stack_id: str
    partition: str = "aws"
    url_suffix: str = "amazonaws.com"
    notification_arns: Sequence[str] = ()

    def get(self, name: str) -> Any:
        return {
            "AWS::AccountId": self.account,
            "AWS::Region": self.region,
            "AWS::StackName": self.stack_name,
            "AWS::StackId": self.stack_id,
            "AWS::Partition": self.partition,
            "AWS::URLSuffix": self.url_suffix,
            "AWS::NotificationARNs": list(self.notification_arns),
            "AWS::NoValue": NO_VALUE,
        }.get(name)


@dataclass(frozen=True)
class Scope:
    """What names mean while a value is evaluated.

    parameters   resolved: text or lists of text
    conditions   those evaluated so far
    resources    logical ids that may be referred to (a false Condition takes one away) -> Made, or None: not yet
    exports      the region's exports, name -> value
    zones        region -> its availability zones
    """

    pseudo: Pseudo
    parameters: Mapping[str, Any] = field(default_factory=dict)
    mappings: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, bool] = field(default_factory=dict)
    resources: Mapping[str, Made | None] = field(default_factory=dict)
    exports: Mapping[str, str] = field(default_factory=dict)
    zones: Callable[[str], Sequence[str]] = lambda region: ()
    has_language_extensions: bool = False
    section: str = "Resources"


def evaluate(value: Any, scope: Scope) -> Any:
    """`value` with its functions replaced by what they give; members that are NO_VALUE are left out."""
    if isinstance(value, list):
        items = (evaluate(item, scope) for item in value)
        return [item for item in items if item is not NO_VALUE]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((name, argument),) = value.items()
        if name in FUNCTIONS:
            return FUNCTIONS[name](argument, scope)
        if name.startswith("Fn::"):
            raise template_error(
                f"Encountered unsupported function: {name} Supported functions are: [{', '.join(FUNCTIONS)}]"
            )
    members = {key: evaluate(member, scope) for key, member in value.items()}
    return {key: member for key, member in members.items() if member is not NO_VALUE}


def is_known(value: Any) -> bool:
    return not unknowns(value)


def unknowns(value: Any) -> tuple[str, ...]:
    """The references that keep `value` from being known, each once."""
    if isinstance(value, Unknown):
        return value.references
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return tuple(dict.fromkeys(reference for item in value for reference in unknowns(item)))
    return ()


def as_text(value: Any) -> str:
    """A scalar as CloudFormation puts it into a string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _ref(argument: Any, scope: Scope) -> Any:
    name = evaluate(argument, scope) if scope.has_language_extensions else argument
    if not isinstance(name, str) or not name:
        raise template_error("every Ref object must have a single String value.")
    return _named(name, scope)


def _named(name: str, scope: Scope) -> Any:
    if name in scope.parameters:
        return scope.parameters[name]
    if name.startswith("AWS::"):
        value = scope.pseudo.get(name)
        if value is not None:
            return value
    if name in scope.resources:
        made = scope.resources[name]
        return Unknown((name,)) if made is None else made.reference
    raise format_error(f"Unresolved resource dependencies [{name}] in the {scope.section} block of the template")


def _get_att(argument: Any, scope: Scope) -> Any:
    if isinstance(argument, str):
        argument = argument.split(".", 1)
    wrong = template_error(
        "every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"
    )
    if not isinstance(argument, list) or len(argument) < 2:
        raise wrong
    name = evaluate(argument[0], scope) if scope.has_language_extensions else argument[0]
    parts = [evaluate(part, scope) for part in argument[1:]]
    if isinstance(name, Unknown) or unknowns(parts):
        return Unknown(unknowns([name, *parts]))
    if not isinstance(name, str) or not name or not all(isinstance(part, str) and part for part in parts):
        raise wrong
    return attribute_of(name, ".".join(parts), scope)


def attribute_of(name: str, attribute: str, scope: Scope) -> Any:
    if name not in scope.resources:
        raise template_error(f"instance of Fn::GetAtt references undefined resource {name}")
    made = scope.resources[name]
    if made is None:
        return Unknown((f"{name}.{attribute}",))
    if attribute in made.attributes:
        return made.attributes[attribute]
    value: Any = made.attributes
    for part in attribute.split("."):
        if not isinstance(value, Mapping) or part not in value:
            if made.is_changing:
                return Unknown((f"{name}.{attribute}",))
            raise template_error(f"resource {name} does not support attribute type {attribute} in Fn::GetAtt")
        value = value[part]
    return value


def _sub(argument: Any, scope: Scope) -> Any:
    values: Any = {}
    text = argument
    if isinstance(argument, list) and len(argument) == 2:
        text, values = argument
    if not isinstance(text, str) or not isinstance(values, dict):
        raise template_error(
            "One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first "
            "argument, and an optional second argument to specify a mapping of values to replace in the string"
        )
    values = {name: evaluate(value, scope) for name, value in values.items()}
    pieces: list[Any] = []
    end = 0
    for match in VARIABLE.finditer(text):
        pieces += [text[end : match.start()], _variable(match.group(1).strip(), values, scope)]
        end = match.end()
    pieces.append(text[end:])
    if waiting := unknowns(pieces):
        return Unknown(waiting)
    # Each piece apart: what a variable brings is not looked at again.
    return "".join(
        piece.replace("${!", "${") if index % 2 == 0 else as_text(piece) for index, piece in enumerate(pieces)
    )


def _variable(name: str, values: Mapping[str, Any], scope: Scope) -> Any:
    if not all(character.isalnum() or character in "_.:" for character in name):
        raise template_error(
            "variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons"
        )
    if name in values:
        value = values[name]
    elif "." in name:
        logical_id, _, attribute = name.partition(".")
        value = attribute_of(logical_id, attribute, scope)
    else:
        value = _named(name, scope)
    if value is NO_VALUE:
        return ""
    if isinstance(value, list) and all(not isinstance(item, dict | list) for item in value):
        # A list parameter in a string is its items with commas between, as it was given.
        waiting = unknowns(value)
        return Unknown(waiting) if waiting else ",".join(map(as_text, value))
    if isinstance(value, dict | list):
        raise template_error(f"Fn::Sub expression does not resolve to a string: {name}")
    return value


def _join(argument: Any, scope: Scope) -> Any:
    wrong = template_error(
        "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined "
        "or a function that returns a list of strings (such as Fn::GetAZs) to be joined."
    )
    if not isinstance(argument, list) or len(argument) != 2:
        raise wrong
    delimiter = evaluate(argument[0], scope)
    items = evaluate(argument[1], scope)
    if waiting := unknowns([delimiter, items]):
        return Unknown(waiting)
    if not isinstance(delimiter, str) or not isinstance(items, list):
        raise wrong
    if any(isinstance(item, dict | list) for item in items):
        raise wrong
    return delimiter.join(map(as_text, items))


def _split(argument: Any, scope: Scope) -> Any:
    wrong = template_error(
        "every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a "
        "function that returns a string to be split."
    )
    if not isinstance(argument, list) or len(argument) != 2:
        raise wrong
    delimiter, text = evaluate(argument[0], scope), evaluate(argument[1], scope)
    if waiting := unknowns([delimiter, text]):
        return Unknown(waiting)
    if not isinstance(delimiter, str) or not delimiter or not isinstance(text, str):
        raise wrong
    return text.split(delimiter)


def _select(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) != 2:
        raise template_error("every Fn::Select object requires two parameters, the index and the list of objects")
    index, items = evaluate(argument[0], scope), evaluate(argument[1], scope)
    if isinstance(index, Unknown) or isinstance(items, Unknown):
        return Unknown(unknowns([index, items]))
    if isinstance(items, str):  # a CommaDelimitedList that came as text
        items = [item.strip() for item in items.split(",")]
    if not isinstance(items, list):
        raise template_error("Fn::Select requires a list argument with two elements: an index and a list")
    try:
        number = int(index)
    except (TypeError, ValueError):
        raise template_error("Fn::Select requires a list argument with a valid index") from None
    if not 0 <= number < len(items):
        raise template_error(f"Fn::Select cannot select nonexistent value at index {number}")
    return items[number]


def _find_in_map(argument: Any, scope: Scope) -> Any:
    wrong = template_error(
        "every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value"
    )
    allowed = (3, 4) if scope.has_language_extensions else (3,)
    if not isinstance(argument, list) or len(argument) not in allowed:
        raise wrong
    keys = [evaluate(part, scope) for part in argument[:3]]
    if waiting := unknowns(keys):
        return Unknown(waiting)
    if any(isinstance(key, dict | list) for key in keys):
        raise wrong
    name, key, attribute = map(as_text, keys)
    default = argument[3] if len(argument) == 4 else None
    if default is not None and (not isinstance(default, dict) or set(default) != {"DefaultValue"}):
        raise wrong
    row = scope.mappings.get(name, {}).get(key, {})
    if attribute in row:
        return evaluate(row[attribute], scope)
    if default is not None:
        return evaluate(default["DefaultValue"], scope)
    if name not in scope.mappings:
        raise template_error(f"Mapping named '{name}' is not present in the 'Mappings' section of template.")
    raise template_error(f"Unable to get mapping for {name}::{key}::{attribute}")


def _base64(argument: Any, scope: Scope) -> Any:
    text = evaluate(argument, scope)
    if isinstance(text, Unknown):
        return text
    if isinstance(text, dict | list):
        raise template_error("every Fn::Base64 object must have a String type value.")
    return base64.b64encode(as_text(text).encode()).decode()


def _cidr(argument: Any, scope: Scope) -> Any:
    """`[block, how many, bits of each]`: consecutive blocks. Without the third, AWS takes 8 bits for IPv4."""
    wrong = template_error(
        "every Fn::Cidr object requires two or three parameters, (1) an IP block, (2) the number of CIDRs, "
        "between 1 and 256, and (3) the number of subnet bits"
    )
    if not isinstance(argument, list) or len(argument) not in (2, 3):
        raise wrong
    parts = [evaluate(part, scope) for part in argument]
    if waiting := unknowns(parts):
        return Unknown(waiting)
    try:
        network = ipaddress.ip_network(parts[0])
        count = int(parts[1])
        host_bits = int(parts[2]) if len(parts) == 3 else 8
    except (TypeError, ValueError):
        raise wrong from None
    prefix = network.max_prefixlen - host_bits
    if not 1 <= count <= 256 or not network.prefixlen <= prefix <= network.max_prefixlen:
        raise wrong
    if count > 1 << (prefix - network.prefixlen):
        raise template_error(f"Fn::Cidr cannot create {count} CIDRs of {host_bits} bits in {network}")
    first, step = int(network.network_address), 1 << host_bits
    address = type(network.network_address)
    return [f"{address(first + index * step)}/{prefix}" for index in range(count)]


def _get_azs(argument: Any, scope: Scope) -> Any:
    region = evaluate(argument, scope)
    if isinstance(region, Unknown):
        return region
    if not isinstance(region, str):
        raise template_error("every Fn::GetAZs object must have a String type value.")
    return list(scope.zones(region or scope.pseudo.region))


def _import_value(argument: Any, scope: Scope) -> Any:
    name = evaluate(argument, scope)
    if isinstance(name, Unknown):
        raise template_error(
            "the attribute in Fn::ImportValue must not depend on any resources, imported values, or Fn::GetAZs"
        )
    if not isinstance(name, str):
        raise template_error("the attribute in Fn::ImportValue must be a string or a function that returns a string")
    # What nobody exports is found out when the stack is being made: `imports_of` tells what that needs.
    return scope.exports.get(name, Unknown((f"Fn::ImportValue {name}",)))


def _if(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) != 3:
        raise template_error("Fn::If requires a list argument with three members")
    if not isinstance(argument[0], str):
        raise template_error("Fn::If requires a list argument with the first element being a condition")
    if argument[0] not in scope.conditions:
        raise template_error(f"unresolved condition dependency {argument[0]} in Fn::If")
    return evaluate(argument[1] if scope.conditions[argument[0]] else argument[2], scope)


def _length(argument: Any, scope: Scope) -> Any:
    _need_language_extensions("Fn::Length", scope)
    value = evaluate(argument, scope)
    if isinstance(value, Unknown):
        return value
    if not isinstance(value, list):
        raise template_error("Fn::Length requires a list or a function that returns a list")
    return len(value)


def _to_json_string(argument: Any, scope: Scope) -> Any:
    _need_language_extensions("Fn::ToJsonString", scope)
    value = evaluate(argument, scope)
    if waiting := unknowns(value):
        return Unknown(waiting)
    if not isinstance(value, dict | list):
        raise template_error("Fn::ToJsonString requires a map or a list")
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _need_language_extensions(name: str, scope: Scope) -> None:
    if not scope.has_language_extensions:
        raise template_error(
            f"Encountered unsupported function: {name} Supported functions are: "
            f"[{', '.join(name for name in FUNCTIONS if name not in ('Fn::Length', 'Fn::ToJsonString'))}]"
        )


FUNCTIONS: dict[str, Callable[[Any, Scope], Any]] = {
    "Fn::Base64": _base64,
    "Fn::GetAtt": _get_att,
    "Fn::GetAZs": _get_azs,
    "Fn::ImportValue": _import_value,
    "Fn::Join": _join,
    "Fn::Split": _split,
    "Fn::FindInMap": _find_in_map,
    "Fn::Select": _select,
    "Ref": _ref,
    "Fn::If": _if,
    "Fn::Sub": _sub,
    "Fn::Cidr": _cidr,
    "Fn::Length": _length,
    "Fn::ToJsonString": _to_json_string,
}
"""Outside of Conditions and Rules, which add their own (conditions.py)."""
