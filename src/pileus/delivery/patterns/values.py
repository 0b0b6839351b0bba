"""What may stand in a pattern's array: the tests of one value, and how each is read."""

import ipaddress
from collections.abc import Callable
from typing import Any

Test = Callable[[Any], bool]
"""Whether a scalar of an event (text, number, true, false, None) is wanted."""

NUMBER_LIMIT = 5_000_000_000
"""Numbers are compared from -5e9 to 5e9. Source: EventBridge user guide, "Numeric matching"."""


class InvalidPattern(Exception):
    """Its text says what is wrong, for the service's own error."""


class Absent:
    """Stands for {"exists": false} among the tests of a field."""


ABSENT = Absent()


def read_test(element: Any) -> Test | Absent:
    """One element of a pattern's array. Raises InvalidPattern."""
    if isinstance(element, dict):
        if len(element) != 1:
            raise InvalidPattern("Only one key allowed in match expression")
        [(name, argument)] = element.items()
        reader = READERS.get(name)
        if reader is None:
            raise InvalidPattern(f"Unrecognized match type {name}")
        return reader(argument)
    if isinstance(element, list):
        raise InvalidPattern("Match value must be String, number, true, false, or null")
    return _equals(element)


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _equals(wanted: Any) -> Test:
    if is_number(wanted):
        return lambda value: is_number(value) and value == wanted
    # Of booleans and None the type counts: 1 is not true.
    return lambda value: type(value) is type(wanted) and value == wanted


def _text(name: str, argument: Any) -> str:
    if not isinstance(argument, str):
        raise InvalidPattern(f"{name} match pattern must be a string")
    return argument


def _exists(argument: Any) -> Test | Absent:
    if not isinstance(argument, bool):
        raise InvalidPattern("exists match pattern must be either true or false.")
    return (lambda value: True) if argument else ABSENT


def _either_case(name: str, argument: dict) -> str:
    if list(argument) != ["equals-ignore-case"]:
        raise InvalidPattern(f"Unsupported {name} pattern: {', '.join(argument)}")
    return _text("equals-ignore-case", argument["equals-ignore-case"]).casefold()


def _prefix(argument: Any) -> Test:
    if isinstance(argument, dict):
        folded = _either_case("prefix", argument)
        return lambda value: isinstance(value, str) and value.casefold().startswith(folded)
    text = _text("prefix", argument)
    return lambda value: isinstance(value, str) and value.startswith(text)


def _suffix(argument: Any) -> Test:
    if isinstance(argument, dict):
        folded = _either_case("suffix", argument)
        return lambda value: isinstance(value, str) and value.casefold().endswith(folded)
    text = _text("suffix", argument)
    return lambda value: isinstance(value, str) and value.endswith(text)


def _equals_ignore_case(argument: Any) -> Test:
    folded = _text("equals-ignore-case", argument).casefold()
    return lambda value: isinstance(value, str) and value.casefold() == folded


def _wildcard(argument: Any) -> Test:
    """`*` stands for any characters, `\\*` for itself. Matched part by part, so that no pattern takes long."""
    first, *rest = _wildcard_parts(_text("wildcard", argument))
    if not rest:
        return lambda value: value == first
    *middle, last = rest

    def matches(value: Any) -> bool:
        if not isinstance(value, str) or not value.startswith(first) or not value.endswith(last):
            return False
        at, end = len(first), len(value) - len(last)
        for part in middle:
            at = value.find(part, at, max(at, end))
            if at < 0:
                return False
            at += len(part)
        return at <= end

    return matches


def _wildcard_parts(text: str) -> list[str]:
    parts, at = [""], 0
    while at < len(text):
        character = text[at]
        if character == "*":
            if text[at + 1 : at + 2] == "*":
                raise InvalidPattern(f"Consecutive wildcard characters at pos {at}")
            parts.append("")
        elif character == "\\":
            at += 1
            if text[at : at + 1] not in ("*", "\\"):
                raise InvalidPattern(f"Invalid escape character at pos {at - 1}")
            parts[-1] += text[at]
        else:
            parts[-1] += character
        at += 1
    return parts


# Numbers

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


def _numeric(argument: Any) -> Test:
    """["=", n], ["<", n] and its like, or a lower bound followed by an upper one."""
    if not isinstance(argument, list):
        raise InvalidPattern("Value of numeric must be an array.")
    if not argument:
        raise InvalidPattern('Invalid member in numeric match: "]"')
    if len(argument) not in (2, 4):
        raise InvalidPattern(
            "Too many elements in numeric expression"
            if len(argument) > 4
            else f"Value of {argument[-1]} must be numeric"
        )
    terms = [(argument[at], argument[at + 1]) for at in range(0, len(argument), 2)]
    for operator, bound in terms:
        if not isinstance(operator, str):
            raise InvalidPattern(f"Invalid member in numeric match: {operator}")
        if operator not in _COMPARISONS:
            raise InvalidPattern(f"Unrecognized numeric range operator: {operator}")
        if not is_number(bound):
            raise InvalidPattern(f"Value of {'equals' if operator == '=' else operator} must be numeric")
        if not -NUMBER_LIMIT <= bound <= NUMBER_LIMIT:
            raise InvalidPattern("Value must be between -5.0E9 and 5.0E9, inclusive")
    if len(terms) == 2:
        (lower, bottom), (upper, top) = terms
        if not lower.startswith(">") or not upper.startswith("<"):
            raise InvalidPattern(f"Bad numeric range operator: {upper if lower.startswith('>') else lower}")
        if bottom >= top:
            raise InvalidPattern("Bottom must be less than top")
    tests = [(_COMPARISONS[operator], bound) for operator, bound in terms]
    return lambda value: is_number(value) and all(compare(value, bound) for compare, bound in tests)


# Addresses


def _cidr(argument: Any) -> Test:
    text = _text("prefix", argument)  # AWS says prefix
    if text.count("/") != 1:
        raise InvalidPattern("Malformed CIDR, one '/' required")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise InvalidPattern(f"Malformed CIDR: {text}") from None

    def matches(value: Any) -> bool:
        if not isinstance(value, str):
            return False
        try:
            return ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return matches


# Anything but


def _anything_but(argument: Any) -> Test:
    """A value or several, or {"prefix": …} and its like with a text or several."""
    if isinstance(argument, dict):
        if len(argument) != 1:
            raise InvalidPattern("Only one key allowed in match expression")
        [(name, inner)] = argument.items()
        reader = _BUT.get(name)
        if reader is None:
            raise InvalidPattern(f"Unsupported anything-but pattern: {name}")
        if isinstance(inner, dict) and name in ("prefix", "suffix"):
            inner = [inner]
        elif not isinstance(inner, list):
            inner = [_nonempty(name, inner)]
        if not inner:
            raise InvalidPattern("Empty arrays are not allowed")
        tests = [reader(each if isinstance(each, dict) else _nonempty(name, each)) for each in inner]
    else:
        values = argument if isinstance(argument, list) else [argument]
        if not values:
            raise InvalidPattern("Empty arrays are not allowed")
        if not isinstance(argument, list) and not isinstance(argument, str) and not is_number(argument):
            raise InvalidPattern("Value of anything-but must be an array or single string/number value.")
        if not all(isinstance(value, str) or is_number(value) for value in values):
            raise InvalidPattern("Inside anything but list, start|null|boolean is not supported.")
        if len({isinstance(value, str) for value in values}) > 1:
            raise InvalidPattern(
                "Inside anything but list, either all values are number or string, mixed type is not supported"
            )
        tests = [_equals(value) for value in values]
    return lambda value: not any(test(value) for test in tests)


def _nonempty(name: str, argument: Any) -> str:
    """Of prefix and suffix AWS speaks as one, and of both only does it refuse the empty text."""
    if name == "equals-ignore-case" and not isinstance(argument, str):
        raise InvalidPattern("Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.")
    if name not in ("prefix", "suffix"):
        return _text(name, argument)
    text = _text("prefix/suffix", argument)
    if not text:
        raise InvalidPattern("Null prefix/suffix not allowed")
    return text


_BUT: dict[str, Callable[[Any], Test]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
}

READERS: dict[str, Callable[[Any], Test | Absent]] = {
    "exists": _exists,
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
    "numeric": _numeric,
    "cidr": _cidr,
    "anything-but": _anything_but,
}
