"""Fn::ForEach of the AWS::LanguageExtensions transform: loops unrolled before anything else looks at the template.

The transform's other parts (Fn::Length, Fn::ToJsonString, DefaultValue of Fn::FindInMap, functions in Ref, Fn::GetAtt
and deletion policies) are evaluated where they stand, see intrinsics.py.
Source: template reference, "Fn::ForEach"; RFC 0009 of cfn-language-discussion.
"""

import re
from collections.abc import Mapping
from typing import Any

from pileus.stacks.errors import TransformFailed, ValidationError
from pileus.stacks.intrinsics import Scope, as_text, evaluate, is_known
from pileus.stacks.template import LANGUAGE_EXTENSIONS

_LOOP = re.compile(r"Fn::ForEach::([A-Za-z0-9]+)")
MOST_NESTED = 5
MOST_ITEMS = 500
MOST_MEMBERS = 5_000
"""Of one unrolled section: five loops within each other could make 500 to the fifth."""


def unroll(body: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """The template with every loop written out. `scope` knows parameters and mappings only."""
    sections = {"Conditions", "Resources", "Outputs"}
    return {
        section: _Unroller(scope).value(members, {}) if section in sections else members
        for section, members in body.items()
    }


def _failed(why: str) -> TransformFailed:
    return TransformFailed(LANGUAGE_EXTENSIONS, why)


class _Unroller:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.members = 0

    def value(self, value: Any, loop: Mapping[str, str]) -> Any:
        """`value` with loops unrolled and the variables of `loop` (identifier -> item) put in."""
        if isinstance(value, str):
            return _put_in(value, loop)
        if isinstance(value, list):
            return [self.value(item, loop) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and isinstance(name := value.get("Ref"), str) and name in loop:
            return loop[name]
        out: dict[str, Any] = {}
        for key, member in value.items():
            if key.startswith("Fn::ForEach"):
                self.merge(out, self.loop(key, member, loop))
            else:
                self.merge(out, {_put_in(key, loop): self.value(member, loop)})
        return out

    def merge(self, out: dict[str, Any], members: dict[str, Any]) -> None:
        self.members += len(members)
        if self.members > MOST_MEMBERS:
            raise _failed(f"Fn::ForEach makes more than {MOST_MEMBERS} members.")
        for key, member in members.items():
            if key in out:
                raise _failed(f"Fn::ForEach makes the duplicate key {key}.")
            out[key] = member

    def loop(self, key: str, argument: Any, outer: Mapping[str, str]) -> dict[str, Any]:
        if not _LOOP.fullmatch(_put_in(key, outer)):
            raise _failed("Fn::ForEach name is incorrect")
        if (
            not isinstance(argument, list)
            or len(argument) != 3
            or not isinstance(argument[0], str)
            or not isinstance(argument[2], dict)
        ):
            raise _failed("Fn::ForEach layout is incorrect")
        identifier, collection, body = argument
        if identifier in outer or identifier in self.scope.parameters:
            raise _failed(f"Fn::ForEach identifier {identifier} is used already")
        if len(outer) == MOST_NESTED:
            raise _failed(f"Fn::ForEach is nested more than {MOST_NESTED} deep")
        out: dict[str, Any] = {}
        for item in self.items(collection, outer):
            self.merge(out, self.value(body, {**outer, identifier: item}))
        return out

    def items(self, collection: Any, loop: Mapping[str, str]) -> list[str]:
        try:
            items = evaluate(self.value(collection, loop), self.scope)
        except ValidationError as error:
            raise _failed(f"Fn::ForEach could not resolve its collection. {error.message}") from None
        if not isinstance(items, list) or not is_known(items) or any(isinstance(item, dict | list) for item in items):
            raise _failed("Fn::ForEach collection must be a list of values known before the stack is made")
        if len(items) > MOST_ITEMS:
            raise _failed(f"Fn::ForEach collection has more than {MOST_ITEMS} items")
        return list(dict.fromkeys(map(as_text, items)))


def _put_in(text: str, loop: Mapping[str, str]) -> str:
    for identifier, item in loop.items():
        text = text.replace("${" + identifier + "}", item)
        if "&{" in text:  # alphanumeric characters only: for logical ids made from names
            text = text.replace("&{" + identifier + "}", re.sub(r"[^A-Za-z0-9]", "", item))
    return text
