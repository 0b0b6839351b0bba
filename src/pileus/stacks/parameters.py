"""Template parameters: what the caller gave, what the stack had before, what the template declares -> values.

Source: user guide, "Parameters section" and "AWS-specific and Systems Manager parameter types"; the wording of
refusals is CloudFormation's.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from pileus.stacks.errors import ValidationError, format_error
from pileus.stacks.intrinsics import as_text

VALUE_BYTES = 4_096
MASK = "****"

RESOURCE_NAMES = [
    "AWS::EC2::AvailabilityZone::Name",
    "AWS::EC2::Image::Id",
    "AWS::EC2::Instance::Id",
    "AWS::EC2::KeyPair::KeyName",
    "AWS::EC2::SecurityGroup::GroupName",
    "AWS::EC2::SecurityGroup::Id",
    "AWS::EC2::Subnet::Id",
    "AWS::EC2::Volume::Id",
    "AWS::EC2::VPC::Id",
    "AWS::Route53::HostedZone::Id",
    "AWS::SSM::Parameter::Name",
]
"""Types that name something that exists: text to us. What uses a name that doesn't exist fails by itself."""

SCALARS = {"String", "Number", *RESOURCE_NAMES}
LISTS = {"CommaDelimitedList", "List<String>", "List<Number>"} | {f"List<{name}>" for name in RESOURCE_NAMES}
MEMBERS = [
    "Type",
    "Default",
    "NoEcho",
    "AllowedValues",
    "AllowedPattern",
    "MinLength",
    "MaxLength",
    "MinValue",
    "MaxValue",
    "Description",
    "ConstraintDescription",
]

_STORED = re.compile(r"AWS::SSM::Parameter::Value<(.+)>")

SsmResolver = Callable[[str], Awaitable[str]]
"""The value of the SSM parameter of a name; raises ValidationError where there is none."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a stack.

    given     the text the caller gave (or the default); for an SSM type, the name of the SSM parameter
    value     what Ref gives: text, or a list of text
    stored    for an SSM type, the text that the SSM parameter held
    """

    name: str
    given: str
    value: Any
    no_echo: bool = False
    stored: str | None = None

    def shown(self) -> dict[str, str]:
        """As DescribeStacks shows it."""
        out = {"ParameterKey": self.name, "ParameterValue": MASK if self.no_echo else self.given}
        if self.stored is not None:
            out["ResolvedValue"] = MASK if self.no_echo else self.stored
        return out


async def resolve_parameters(
    declared: Mapping[str, Mapping[str, Any]],
    given: Iterable[Mapping[str, Any]],
    *,
    previous: Mapping[str, str] | None = None,
    ssm: SsmResolver,
) -> dict[str, Parameter]:
    """Every declared parameter with its value.

    given     [{"ParameterKey", "ParameterValue" or "UsePreviousValue"}]
    previous  what the stack has, for an update: `Parameter.given` by name
    """
    texts = _texts(declared, given, previous or {})
    return {name: await _resolve(name, declared[name], text, ssm) for name, text in texts.items()}


def values_of(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """For `Scope.parameters`."""
    return {name: parameter.value for name, parameter in parameters.items()}


def check_declarations(declared: Mapping[str, Mapping[str, Any]]) -> None:
    for name, declaration in declared.items():
        kind = declaration["Type"]
        inner = _STORED.fullmatch(kind) if isinstance(kind, str) else None
        if not isinstance(kind, str) or (inner.group(1) if inner else kind) not in SCALARS | LISTS:
            raise format_error(f"Unrecognized parameter type: {kind}")
        if unknown := [member for member in declaration if member not in MEMBERS]:
            raise ValidationError(f"Invalid template parameter property '{unknown[0]}'")
        if isinstance(declaration.get("Default", ""), dict | list):
            raise format_error(f"Every Default member must be a string. ({name})")
        if not isinstance(declaration.get("AllowedValues", []), list):
            raise format_error(f"Every AllowedValues member must be a list. ({name})")


def _texts(declared: Mapping, given: Iterable[Mapping], previous: Mapping[str, str]) -> dict[str, str]:
    check_declarations(declared)
    chosen: dict[str, str] = {}
    for entry in given:
        name = entry["ParameterKey"]
        if name in chosen:
            raise ValidationError(f"Parameters: [{name}] are specified more than once")
        if entry.get("UsePreviousValue"):
            if "ParameterValue" in entry:
                raise ValidationError(
                    f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true and non empty value for a parameter"
                )
            if name not in previous:
                raise ValidationError(
                    f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true for a parameter "
                    "key not in the previous template"
                )
            chosen[name] = previous[name]
        elif "ParameterValue" in entry:
            chosen[name] = entry["ParameterValue"]
    if strangers := [name for name in chosen if name not in declared]:
        raise ValidationError(f"Parameters: [{', '.join(strangers)}] do not exist in the template")
    texts = {
        name: chosen.get(name, as_text(declaration["Default"]) if "Default" in declaration else None)
        for name, declaration in declared.items()
    }
    if missing := [name for name, text in texts.items() if text is None]:
        raise ValidationError(f"Parameters: [{', '.join(missing)}] must have values")
    return texts


async def _resolve(name: str, declaration: Mapping, text: str, ssm: SsmResolver) -> Parameter:
    kind = declaration["Type"]
    no_echo = as_text(declaration.get("NoEcho", False)).lower() == "true"
    stored = None
    if match := _STORED.fullmatch(kind):
        # The constraints are on the name that is given, the type is on what is stored under it.
        _check_text(name, declaration, text)
        stored = await ssm(text)
        value = _typed(name, match.group(1), stored, {})
    else:
        value = _typed(name, kind, text, declaration)
    return Parameter(name, text, value, no_echo, stored)


def _typed(name: str, kind: str, text: str, declaration: Mapping) -> str | list[str]:
    if len(text.encode()) > VALUE_BYTES:
        raise ValidationError(f"Parameter '{name}' must not be longer than {VALUE_BYTES} bytes")
    if kind in LISTS:
        items = [item.strip() for item in text.split(",")] if text else []
        for item in items:
            if kind == "List<Number>":
                _check_number(name, declaration, item)
            _check_choice(name, declaration, item)
        if kind == "CommaDelimitedList":
            _check_text(name, {**declaration, "AllowedValues": None}, text)
        return items
    if kind == "Number":
        _check_number(name, declaration, text)
        _check_choice(name, declaration, text)
    else:
        _check_text(name, declaration, text)
    return text


def _check_text(name: str, declaration: Mapping, text: str) -> None:
    _check_choice(name, declaration, text)
    if "MinLength" in declaration and len(text) < int(declaration["MinLength"]):
        raise _refused(name, declaration, f"must contain at least {declaration['MinLength']} characters")
    if "MaxLength" in declaration and len(text) > int(declaration["MaxLength"]):
        raise _refused(name, declaration, f"must contain at most {declaration['MaxLength']} characters")
    pattern = declaration.get("AllowedPattern")
    if pattern is not None:
        try:
            matches = re.fullmatch(_python_pattern(pattern), text)
        except re.error:
            raise format_error(f"Invalid AllowedPattern {pattern} of parameter {name}") from None
        if not matches:
            raise _refused(name, declaration, f"must match pattern {pattern}")


def _python_pattern(pattern: str) -> str:
    """CloudFormation's patterns are Java's; of what differs, templates use the POSIX classes."""
    classes = {
        r"\p{Alpha}": "[A-Za-z]",
        r"\p{Alnum}": "[A-Za-z0-9]",
        r"\p{Digit}": "[0-9]",
        r"\p{Punct}": r"[!-/:-@\[-`{-~]",
    }
    for java, python in classes.items():
        pattern = pattern.replace(java, python)
    return pattern.replace(r"\z", r"\Z")


def _check_choice(name: str, declaration: Mapping, text: str) -> None:
    allowed = declaration.get("AllowedValues")
    if allowed is not None and text not in [as_text(value) for value in allowed]:
        raise _refused(name, declaration, "must be one of AllowedValues")


def _check_number(name: str, declaration: Mapping, text: str) -> None:
    number = _number(text)
    if number is None:
        raise ValidationError(f"Parameter '{name}' must be a number")
    if "MinValue" in declaration and number < Decimal(as_text(declaration["MinValue"])):
        raise _refused(name, declaration, f"must be a number not less than {declaration['MinValue']}")
    if "MaxValue" in declaration and number > Decimal(as_text(declaration["MaxValue"])):
        raise _refused(name, declaration, f"must be a number not greater than {declaration['MaxValue']}")


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _refused(name: str, declaration: Mapping, why: str) -> ValidationError:
    if description := declaration.get("ConstraintDescription"):
        return ValidationError(f"Parameter {name} failed to satisfy constraint: {description}")
    return ValidationError(f"Parameter '{name}' {why}")
