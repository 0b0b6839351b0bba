"""A template's text, YAML or JSON, as plain dicts, lists, strings, numbers and booleans.

Built from the parser's events rather than by a YAML loader, for four reasons: no tag can make an object, short forms
(`!Ref x`) become their long form at once, duplicate keys are seen, and an alias bomb is refused while it is small.
Source: user guide, "Template format": YAML 1.1 without binary, omap, pairs, set and timestamp.
"""

import copy
import json
from typing import Any

import yaml

from pileus.stacks.errors import ValidationError, format_error

MAX_DEPTH = 100
"""Of nested lists and maps. Our bound, so that no recursion below can run away."""
MAX_NODES = 500_000
"""After aliases are copied out. A 1 MB template without aliases can't reach it."""

SHORT_FORMS = [
    "And",
    "Base64",
    "Cidr",
    "Equals",
    "FindInMap",
    "GetAZs",
    "GetAtt",
    "If",
    "ImportValue",
    "Join",
    "Length",
    "Not",
    "Or",
    "Select",
    "Split",
    "Sub",
    "ToJsonString",
    "Transform",
    "Contains",
    "EachMemberEquals",
    "EachMemberIn",
    "RefAll",
    "ValueOf",
    "ValueOfAll",
]
LONG_FORMS = {"!Ref": "Ref", "!Condition": "Condition"} | {f"!{name}": f"Fn::{name}" for name in SHORT_FORMS}

YAML = "tag:yaml.org,2002:"

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Events(Loader):
    """The event stream, resolving plain scalars as YAML 1.1 does but for timestamps."""


# A copy of its own, without the resolver for timestamps: 2012-10-17 in a policy is a string.
_Events.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != YAML + "timestamp"]
    for first, resolvers in Loader.yaml_implicit_resolvers.items()
}


def parse(text: str) -> dict[str, Any]:
    """The template in `text`. What begins with a brace is JSON, as CloudFormation decides it."""
    value = parse_json(text) if text.lstrip("\ufeff \t\r\n").startswith("{") else parse_yaml(text)
    if not isinstance(value, dict):
        raise format_error("unsupported structure.")
    return value


def parse_json(text: str) -> Any:
    def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for key, value in pairs:
            if key in members:
                raise format_error(f"JSON not well-formed. Duplicate key '{key}'")
            members[key] = value
        return members

    def refuse(constant: str) -> None:
        raise format_error(f"JSON not well-formed. {constant} is no JSON value")

    try:
        value = json.loads(text.lstrip("\ufeff"), object_pairs_hook=without_duplicates, parse_constant=refuse)
        depth = _depth(value)
    except json.JSONDecodeError as error:
        raise format_error(f"JSON not well-formed. (line {error.lineno}, column {error.colno})") from None
    except RecursionError:
        depth = MAX_DEPTH + 1
    if depth > MAX_DEPTH:
        raise format_error("JSON not well-formed. It is nested too deeply")
    return value


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def parse_yaml(text: str) -> Any:
    try:
        return _Builder(_Events(text)).document()
    except yaml.MarkedYAMLError as error:
        raise _not_well_formed(error.problem_mark or error.context_mark) from None
    except yaml.YAMLError:
        # An unprintable character: the reader stops before it has lines.
        raise format_error("YAML not well-formed.") from None


def _not_well_formed(mark, why: str = "") -> ValidationError:
    where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    return format_error(f"YAML not well-formed.{where}{' ' + why if why else ''}")


class _Builder:
    """Builds values from events; counts what it builds."""

    def __init__(self, events: _Events) -> None:
        self.events = events
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.nodes = 0

    def document(self) -> Any:
        self.events.get_event()  # the stream's start
        if self.events.check_event(yaml.StreamEndEvent):
            return None
        self.events.get_event()  # the document's start
        value = self.value(self.events.get_event(), 0)
        self.events.get_event()  # the document's end
        if not self.events.check_event(yaml.StreamEndEvent):
            raise _not_well_formed(self.events.peek_event().start_mark, "A template is one document")
        return value

    def value(self, event: yaml.Event, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise _not_well_formed(event.start_mark, "It is nested too deeply")
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        self.count(1, event)
        before = self.nodes
        if isinstance(event, yaml.ScalarEvent):
            value = self.scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self.sequence(event, depth)
        else:
            value = self.mapping(event, depth)
        value = _spell_out(event, value)
        if event.anchor:
            self.anchors[event.anchor] = (value, self.nodes - before + 1)
        return value

    def count(self, nodes: int, event: yaml.Event) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise _not_well_formed(event.start_mark, "Its aliases expand to too much")

    def alias(self, event: yaml.AliasEvent) -> Any:
        # An anchor is known only once its value is complete, so a value can't contain itself.
        if event.anchor not in self.anchors:
            raise _not_well_formed(event.start_mark, f"Undefined alias '{event.anchor}'")
        value, nodes = self.anchors[event.anchor]
        self.count(nodes, event)
        return copy.deepcopy(value)

    def scalar(self, event: yaml.ScalarEvent) -> Any:
        text = event.value
        tag = event.tag
        if tag is None or tag == "!":
            tag = self.events.resolve(yaml.ScalarNode, text, event.implicit)
        if tag == YAML + "null":
            return None
        if tag == YAML + "bool":
            return text.lower() in ("yes", "true", "on")
        if tag == YAML + "int":
            return _whole_number(text)
        if tag == YAML + "float":
            return _fraction(text)
        return text

    def sequence(self, event: yaml.Event, depth: int) -> list:
        items = []
        while not self.events.check_event(yaml.SequenceEndEvent):
            items.append(self.value(self.events.get_event(), depth + 1))
        self.events.get_event()
        return items

    def mapping(self, event: yaml.Event, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while not self.events.check_event(yaml.MappingEndEvent):
            key_event = self.events.get_event()
            key = self.key(key_event)
            value = self.value(self.events.get_event(), depth + 1)
            if key == "<<" and isinstance(key_event, yaml.ScalarEvent) and key_event.implicit[0]:
                _merge(merged, value, key_event)
                continue
            if key in members:
                raise _not_well_formed(key_event.start_mark, f"Duplicate key '{key}'")
            members[key] = value
        self.events.get_event()
        return merged | members if merged else members

    def key(self, event: yaml.Event) -> str:
        """As written: 123 and true are names here, of a mapping's row for example."""
        if isinstance(event, yaml.AliasEvent):
            value = self.alias(event)
            if isinstance(value, str):
                return value
        if not isinstance(event, yaml.ScalarEvent):
            raise _not_well_formed(event.start_mark, "A key is a scalar")
        self.count(1, event)
        if event.anchor:
            self.anchors[event.anchor] = (event.value, 1)
        return event.value


def _merge(merged: dict[str, Any], value: Any, event: yaml.Event) -> None:
    """`<<: *defaults`, or a list of them in which the earlier win. Source: YAML 1.1, "Merge key"."""
    for source in value if isinstance(value, list) else [value]:
        if not isinstance(source, dict):
            raise _not_well_formed(event.start_mark, "Only maps can be merged")
        for key, member in source.items():
            merged.setdefault(key, member)


def _spell_out(event: yaml.Event, value: Any) -> Any:
    tag = event.tag
    if tag is None or tag == "!":
        return value
    if tag in LONG_FORMS:
        if tag == "!GetAtt" and isinstance(value, str):
            # Resource names have no dots, attributes may: Nested.Outputs.Url.
            value = value.split(".", 1)
        return {LONG_FORMS[tag]: value}
    if tag.startswith(YAML) and tag[len(YAML) :] in ("str", "int", "float", "bool", "null", "map", "seq"):
        return value
    raise _not_well_formed(event.start_mark, f"Unknown tag {tag.replace(YAML, '!!')}")


def _whole_number(text: str) -> int | str:
    # YAML 1.1 reads 0123 as octal and 1:30 as base sixty. Who writes those in a template means an account or a time.
    if ":" in text or (len(text) > 1 and text.lstrip("+-").startswith("0") and text.lstrip("+-0").isdigit()):
        return text
    digits = text.replace("_", "")
    if digits.lstrip("+-").strip("0") == "" and len(digits.lstrip("+-")) > 1:
        return text
    try:
        return int(digits, 0)
    except ValueError:
        return text


def _fraction(text: str) -> float | str:
    if ":" in text or not any(character.isdigit() for character in text):
        return text
    try:
        return float(text.replace("_", ""))
    except ValueError:
        return text
