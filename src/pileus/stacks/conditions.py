"""The Conditions section: names to true or false; and the Rules section, which may refuse the parameters.

Conditions see parameters, mappings and each other, never resources.
Source: user guide, "Condition functions" and "Rules".
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pileus.kernel.errors import NotImplementedByUs
from pileus.stacks.errors import ValidationError, format_error, template_error
from pileus.stacks.intrinsics import Scope, as_text, evaluate
from pileus.stacks.template import Template


def evaluate_conditions(definitions: Mapping[str, Any], scope: Scope) -> dict[str, bool]:
    """Each condition of the section, in the order they need each other."""
    return _Conditions(definitions, replace(scope, resources={}, section="Conditions")).all()


def check_rules(template: Template, scope: Scope) -> None:
    """Refuse parameters that break a rule of the template."""
    for name, rule in template.rules.items():
        if not isinstance(rule, dict) or "Assertions" not in rule:
            raise format_error(f"Every Rules member must contain Assertions ({name}).")
        judge = _Conditions({}, replace(scope, resources={}, section="Rules"))
        if "RuleCondition" in rule and not judge.truth(rule["RuleCondition"]):
            continue
        for assertion in rule["Assertions"]:
            if not judge.truth(assertion.get("Assert")):
                why = assertion.get("AssertDescription", "")
                raise ValidationError(f"Template error: rule {name} failed{': ' + why if why else ''}")


class _Conditions:
    def __init__(self, definitions: Mapping[str, Any], scope: Scope) -> None:
        self.definitions = definitions
        self.known: dict[str, bool] = {}
        self.under_way: list[str] = []
        # Fn::If within conditions asks those known so far; the dict is shared on purpose.
        self.scope = replace(scope, conditions=self.known)

    def all(self) -> dict[str, bool]:
        for name in self.definitions:
            self.named(name)
        return self.known

    def named(self, name: Any) -> bool:
        if not isinstance(name, str):
            raise template_error("every Condition object must have a single String value.")
        if name not in self.definitions:
            raise format_error(f"Unresolved condition dependency [{name}] in the Conditions block of the template")
        if name not in self.known:
            if name in self.under_way:
                raise ValidationError(f"Circular dependency between conditions: [{', '.join(self.under_way)}]")
            self.under_way.append(name)
            self.known[name] = self.truth(self.definitions[name])
            self.under_way.pop()
        return self.known[name]

    def truth(self, value: Any) -> bool:
        """What a condition function gives; plain booleans and their words count too."""
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value in ("true", "false"):
            return value == "true"
        if not isinstance(value, dict) or len(value) != 1:
            raise format_error("Conditions can only be boolean operations on parameters and other conditions")
        ((name, argument),) = value.items()
        if name not in CONDITION_FUNCTIONS:
            if name.startswith("Fn::") or name == "Ref":
                return self.truth(as_text(evaluate(value, self.scope)))
            raise format_error("Conditions can only be boolean operations on parameters and other conditions")
        return CONDITION_FUNCTIONS[name](self, argument)

    def value(self, value: Any) -> Any:
        """An operand: any function allowed in conditions, those with truth values included."""
        if isinstance(value, dict) and len(value) == 1 and (name := next(iter(value))) in CONDITION_FUNCTIONS:
            return CONDITION_FUNCTIONS[name](self, value[name])
        return evaluate(value, self.scope)

    def equals(self, argument: Any) -> bool:
        if not isinstance(argument, list) or len(argument) != 2:
            raise template_error("every Fn::Equals object requires a list of 2 string parameters.")
        left, right = (self.value(side) for side in argument)
        if isinstance(left, dict | list) or isinstance(right, dict | list):
            return left == right
        return as_text(left) == as_text(right)

    def negate(self, argument: Any) -> bool:
        if not isinstance(argument, list) or len(argument) != 1:
            raise template_error("every Fn::Not object requires one boolean parameter.")
        return not self.truth(argument[0])

    def every(self, argument: Any) -> bool:
        return all([self.truth(item) for item in self.between_two_and_ten("Fn::And", argument)])

    def some(self, argument: Any) -> bool:
        return any([self.truth(item) for item in self.between_two_and_ten("Fn::Or", argument)])

    def choose(self, argument: Any) -> bool:
        if not isinstance(argument, list) or len(argument) != 3:
            raise template_error("Fn::If requires a list argument with three members")
        return self.truth(argument[1] if self.named(argument[0]) else argument[2])

    def contains(self, argument: Any) -> bool:
        items, item = self.two("Fn::Contains", argument)
        return item in items

    def each_member_equals(self, argument: Any) -> bool:
        items, item = self.two("Fn::EachMemberEquals", argument)
        return all(member == item for member in items)

    def each_member_in(self, argument: Any) -> bool:
        items, allowed = self.two("Fn::EachMemberIn", argument)
        return all(member in allowed for member in items)

    def two(self, name: str, argument: Any) -> tuple[list, Any]:
        if not isinstance(argument, list) or len(argument) != 2:
            raise template_error(f"every {name} object requires a list of 2 parameters.")
        for side in argument:
            if isinstance(side, dict) and {"Fn::RefAll", "Fn::ValueOf", "Fn::ValueOfAll"} & side.keys():
                raise NotImplementedByUs(f"{next(iter(side))} in the Rules section of a template")
        items, other = (self.value(side) for side in argument)
        return items if isinstance(items, list) else [items], other

    @staticmethod
    def between_two_and_ten(name: str, argument: Any) -> list:
        if not isinstance(argument, list) or not 2 <= len(argument) <= 10:
            raise template_error(
                f"every {name} object requires a list of at least 2 and at most 10 boolean parameters."
            )
        return argument


CONDITION_FUNCTIONS = {
    "Condition": _Conditions.named,
    "Fn::Equals": _Conditions.equals,
    "Fn::Not": _Conditions.negate,
    "Fn::And": _Conditions.every,
    "Fn::Or": _Conditions.some,
    "Fn::If": _Conditions.choose,
    "Fn::Contains": _Conditions.contains,
    "Fn::EachMemberEquals": _Conditions.each_member_equals,
    "Fn::EachMemberIn": _Conditions.each_member_in,
}
