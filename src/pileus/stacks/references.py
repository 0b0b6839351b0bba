"""Which names a value refers to, and that they exist.

Everything that follows references (dependencies, change sets, validation) asks `references_in`, so that there is one
answer to what a reference is.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pileus.stacks.errors import format_error, template_error
from pileus.stacks.template import Template

PSEUDO_PARAMETERS = [
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
]

VARIABLE = re.compile(r"\$\{([^!{}][^{}]*)\}")
"""A variable of Fn::Sub; `${!Literal}` is none."""

SupportsAttribute = Callable[[str, str], bool]
"""(resource type, attribute) -> whether Fn::GetAtt knows it."""


@dataclass(frozen=True)
class Reference:
    """`attribute` is None for Ref, else what Fn::GetAtt asks for (or "" where only known later).

    `in_text`: a variable of Fn::Sub. It refers to the same; only the words differ when nobody defines it.
    """

    name: str
    attribute: str | None = None
    in_text: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return self.name if self.attribute is None else f"{self.name}.{self.attribute}"


def references_in(value: Any, conditions: Mapping[str, bool] | None = None) -> Iterator[Reference]:
    """Every Ref, Fn::GetAtt and ${…} in `value`; with `conditions` only those in branches taken."""
    if isinstance(value, list):
        for item in value:
            yield from references_in(item, conditions)
        return
    if not isinstance(value, dict):
        return
    if len(value) == 1:
        ((key, argument),) = value.items()
        if key == "Ref" and isinstance(argument, str):
            yield Reference(argument)
            return
        if key == "Fn::GetAtt":
            yield from _attribute_reference(argument, conditions)
            return
        if key == "Fn::Sub":
            yield from _variables(argument, conditions)
            return
        if key == "Fn::If" and conditions is not None and isinstance(argument, list) and len(argument) == 3:
            yield from references_in(argument[1] if conditions.get(argument[0]) else argument[2], conditions)
            return
    for member in value.values():
        yield from references_in(member, conditions)


def conditions_in(value: Any) -> Iterator[str]:
    """The conditions that the Fn::If in `value` ask."""
    if isinstance(value, dict):
        for key, member in value.items():
            if key == "Fn::If" and len(value) == 1:
                if not isinstance(member, list) or len(member) != 3:
                    raise template_error("Fn::If requires a list argument with three members")
                if not isinstance(member[0], str):
                    raise template_error("Fn::If requires a list argument with the first element being a condition")
                yield member[0]
            yield from conditions_in(member)
    elif isinstance(value, list):
        for item in value:
            yield from conditions_in(item)


def _attribute_reference(argument: Any, conditions) -> Iterator[Reference]:
    if isinstance(argument, str):
        argument = argument.split(".", 1)
    if not isinstance(argument, list) or len(argument) < 2 or not isinstance(argument[0], str):
        # With language extensions the resource's name may be a function; it refers to what it is made of.
        yield from references_in(argument, conditions)
        return
    if all(isinstance(part, str) for part in argument[1:]):
        yield Reference(argument[0], ".".join(argument[1:]))
    else:
        yield Reference(argument[0], "")
        yield from references_in(argument[1:], conditions)


def _variables(argument: Any, conditions) -> Iterator[Reference]:
    values: dict = {}
    if isinstance(argument, list) and len(argument) == 2 and isinstance(argument[1], dict):
        argument, values = argument
        yield from references_in(list(values.values()), conditions)
    if isinstance(argument, str):
        for variable in VARIABLE.findall(argument):
            name, _, attribute = variable.strip().partition(".")
            if variable.strip() not in values:
                yield Reference(name, attribute or None, in_text=True)


def check_references(template: Template, supports: SupportsAttribute | None = None) -> None:
    """Every name referred to exists; every attribute is one the resource's type has."""
    known = {*template.parameters, *template.resources, *PSEUDO_PARAMETERS}
    names = dict.fromkeys(reference.name for reference in references_in(template.conditions))
    if missing := [name for name in names if name in template.resources or name not in known]:
        raise format_error(
            f"Unresolved dependencies [{', '.join(missing)}]. "
            "Cannot reference resources in the Conditions block of the template"
        )
    for section in ("Resources", "Outputs"):
        members = getattr(template, section.lower())
        _check_conditions(template, members)
        unresolved: list[str] = []
        for member in members.values():
            unresolved += _unresolved(template, section, member, known, supports)
        if unresolved:
            names = ", ".join(dict.fromkeys(unresolved))
            raise format_error(f"Unresolved resource dependencies [{names}] in the {section} block of the template")


def _unresolved(template: Template, section: str, member: dict, known: set[str], supports) -> list[str]:
    """The names that `member` refers to and nobody defines."""
    missing: list[str] = []
    if section == "Resources":
        depends_on = member.get("DependsOn", [])
        depends_on = depends_on if isinstance(depends_on, list) else [depends_on]
        missing += [name for name in depends_on if name not in template.resources]
    # Metadata may hold anything that looks like a reference (a designer's drawing): it is not evaluated.
    for reference in references_in({key: value for key, value in member.items() if key != "Metadata"}):
        is_get_att = reference.attribute is not None and not reference.in_text
        if reference.name not in known and not is_get_att:
            missing.append(reference.name)
            continue
        if reference.attribute is None:
            continue
        if reference.name not in template.resources:
            raise template_error(f"instance of Fn::GetAtt references undefined resource {reference.name}")
        kind = template.type_of(reference.name)
        if supports is not None and reference.attribute and not supports(kind, reference.attribute):
            raise template_error(
                f"resource {reference.name} does not support attribute type {reference.attribute} in Fn::GetAtt"
            )
    return missing


def _check_conditions(template: Template, members: dict) -> None:
    for name in conditions_in(list(members.values())):
        if name not in template.conditions:
            raise template_error(f"unresolved condition dependency {name} in Fn::If")
