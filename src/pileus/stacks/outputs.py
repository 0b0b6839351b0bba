"""The Outputs section: what a stack tells, and what it exports to others."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pileus.stacks.errors import ValidationError, format_error
from pileus.stacks.intrinsics import Scope, Unknown, as_text, evaluate, unknowns
from pileus.stacks.template import Template


@dataclass(frozen=True)
class Output:
    """`value` and `export` are text, or Unknown while resources they need don't exist."""

    key: str
    value: Any
    description: str | None = None
    export: Any = None

    def shown(self) -> dict[str, str]:
        """As DescribeStacks shows it."""
        out = {"OutputKey": self.key, "OutputValue": self.value}
        if self.description is not None:
            out["Description"] = self.description
        if self.export is not None:
            out["ExportName"] = self.export
        return out


def evaluate_outputs(template: Template, scope: Scope) -> list[Output]:
    """Those whose condition holds."""
    scope = replace(scope, section="Outputs")
    outputs = [
        Output(
            key,
            _text(key, evaluate(output["Value"], scope)),
            output.get("Description"),
            _text(key, evaluate(output["Export"]["Name"], scope)) if "Export" in output else None,
        )
        for key, output in template.outputs.items()
        if output.get("Condition") is None or scope.conditions[output["Condition"]]
    ]
    names = [output.export for output in outputs if isinstance(output.export, str)]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise ValidationError(f"Template error: duplicate export names [{', '.join(twice)}]")
    return outputs


def imports_of(template: Template, conditions: Mapping[str, bool], scope: Scope) -> list[str]:
    """The names of the exports that the template uses: they can't be deleted while it does."""
    found: dict[str, None] = {}

    def look(value: Any) -> None:
        if isinstance(value, list):
            for item in value:
                look(item)
        elif isinstance(value, dict):
            if len(value) == 1 and "Fn::If" in value:
                condition, then, otherwise = value["Fn::If"]
                return look(then if conditions[condition] else otherwise)
            for key, member in value.items():
                if key == "Fn::ImportValue" and isinstance(name := evaluate(member, scope), str):
                    found[name] = None
                look(member)

    for section in (template.resources, template.outputs):
        for member in section.values():
            if member.get("Condition") is None or conditions[member["Condition"]]:
                look({key: value for key, value in member.items() if key != "Metadata"})
    return list(found)


def _text(key: str, value: Any) -> Any:
    if isinstance(value, Unknown):
        return value
    if waiting := unknowns(value):
        return Unknown(waiting)
    if isinstance(value, dict | list):
        raise format_error(f"The Value field of every Outputs member must evaluate to a String. ({key})")
    return as_text(value)
