"""The Condition element: every operator of IAM, with …IfExists, ForAllValues: and ForAnyValue:.

A block is compiled once into tests. All tests must hold; within one, the policy's values are alternatives. A key that
the request lacks fails a test, except negated ones, …IfExists, ForAllValues and Null "true".

Sources: IAM user guide, "IAM JSON policy elements: Condition operators", "Single-valued vs. multivalued context keys".
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import NamedTuple

from pileus.authz.patterns import arn_matcher, has_wildcard, text_matcher, unescaped
from pileus.authz.variables import Keys, Template, has_variable

Matcher = Callable[[str], bool]
"""Does one value of the request's key match one value of the policy?"""


class InvalidCondition(ValueError):
    """The text is what IAM says about it."""


# One function per family: a policy's value -> a matcher for the request's values. They raise ValueError for a value
# that the family can't read.


def string_equals(wanted: str) -> Matcher:
    wanted = unescaped(wanted)
    return lambda value: value == wanted


def string_equals_ignore_case(wanted: str) -> Matcher:
    wanted = unescaped(wanted).lower()
    return lambda value: value.lower() == wanted


def string_like(wanted: str) -> Matcher:
    if not has_wildcard(wanted):
        return string_equals(wanted)
    matches = text_matcher(wanted).fullmatch
    return lambda value: matches(value) is not None


def arn_like(wanted: str) -> Matcher:
    matches = arn_matcher(wanted).fullmatch
    return lambda value: matches(value) is not None


def numeric(compare: Callable[[Decimal, Decimal], bool]) -> Callable[[str], Matcher]:
    def family(wanted: str) -> Matcher:
        limit = _number(wanted)

        def matches(value: str) -> bool:
            try:
                return compare(_number(value), limit)
            except ValueError:
                return False

        return matches

    return family


def date(compare: Callable[[Decimal, Decimal], bool]) -> Callable[[str], Matcher]:
    def family(wanted: str) -> Matcher:
        limit = _moment(wanted)

        def matches(value: str) -> bool:
            try:
                return compare(_moment(value), limit)
            except ValueError:
                return False

        return matches

    return family


def boolean(wanted: str) -> Matcher:
    wanted = wanted.lower()
    if wanted not in ("true", "false"):
        raise ValueError(wanted)
    return lambda value: value.lower() == wanted


def binary_equals(wanted: str) -> Matcher:
    """The policy has base64, and so have text values of the context that stand for bytes."""
    expected = _bytes(wanted)

    def matches(value: str) -> bool:
        try:
            return _bytes(value) == expected
        except ValueError:
            return False

    return matches


def ip_address(wanted: str) -> Matcher:
    network = ipaddress.ip_network(wanted, strict=False)

    def matches(value: str) -> bool:
        address = _address(value)
        return address is not None and address.version == network.version and address in network

    return matches


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError(text) from None
    if not number.is_finite():
        raise ValueError(text)
    return number


_YEAR_OR_MONTH = re.compile(r"\d{4}(-\d\d)?$")


@lru_cache(maxsize=1024)
def _moment(text: str) -> Decimal:
    """Seconds since the epoch of an ISO 8601 date or of epoch seconds. A bare year is a date, as in the W3C's note."""
    text = text.strip()
    if _YEAR_OR_MONTH.match(text):
        text = text + "-01-01" if len(text) == 4 else text + "-01"
    try:
        return _number(text)
    except ValueError:
        moment = datetime.fromisoformat(text.upper())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return Decimal(int(moment.timestamp() * 1000)) / 1000


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError(text) from None


@lru_cache(maxsize=1024)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


class Operator(NamedTuple):
    family: Callable[[str], Matcher]
    negated: bool = False
    takes_variables: bool = False


def _equal(a: Decimal, b: Decimal) -> bool:
    return a == b


def _less(a: Decimal, b: Decimal) -> bool:
    return a < b


def _at_most(a: Decimal, b: Decimal) -> bool:
    return a <= b


def _greater(a: Decimal, b: Decimal) -> bool:
    return a > b


def _at_least(a: Decimal, b: Decimal) -> bool:
    return a >= b


OPERATORS: dict[str, Operator] = {
    "StringEquals": Operator(string_equals, takes_variables=True),
    "StringNotEquals": Operator(string_equals, negated=True, takes_variables=True),
    "StringEqualsIgnoreCase": Operator(string_equals_ignore_case, takes_variables=True),
    "StringNotEqualsIgnoreCase": Operator(string_equals_ignore_case, negated=True, takes_variables=True),
    "StringLike": Operator(string_like, takes_variables=True),
    "StringNotLike": Operator(string_like, negated=True, takes_variables=True),
    "NumericEquals": Operator(numeric(_equal)),
    "NumericNotEquals": Operator(numeric(_equal), negated=True),
    "NumericLessThan": Operator(numeric(_less)),
    "NumericLessThanEquals": Operator(numeric(_at_most)),
    "NumericGreaterThan": Operator(numeric(_greater)),
    "NumericGreaterThanEquals": Operator(numeric(_at_least)),
    "DateEquals": Operator(date(_equal)),
    "DateNotEquals": Operator(date(_equal), negated=True),
    "DateLessThan": Operator(date(_less)),
    "DateLessThanEquals": Operator(date(_at_most)),
    "DateGreaterThan": Operator(date(_greater)),
    "DateGreaterThanEquals": Operator(date(_at_least)),
    "Bool": Operator(boolean, takes_variables=True),
    "BinaryEquals": Operator(binary_equals),
    "IpAddress": Operator(ip_address),
    "NotIpAddress": Operator(ip_address, negated=True),
    "ArnEquals": Operator(arn_like, takes_variables=True),
    "ArnLike": Operator(arn_like, takes_variables=True),
    "ArnNotEquals": Operator(arn_like, negated=True, takes_variables=True),
    "ArnNotLike": Operator(arn_like, negated=True, takes_variables=True),
}
_BY_LOWER_NAME = {name.lower(): operator for name, operator in OPERATORS.items()}


class Test:
    """One operator on one key. `holds` is True or False, or None: a variable had no value for this request."""

    __slots__ = ("family", "if_exists", "key", "matchers", "negated", "operator", "quantifier", "templates", "wanted")

    def __init__(self, operator: str, key: str, wanted: list[str], version_has_variables: bool) -> None:
        self.operator, self.key, self.wanted = operator, key.lower(), wanted
        name = operator.lower()
        self.quantifier = ""
        for quantifier in ("forallvalues", "foranyvalue"):
            if name.startswith(quantifier + ":"):
                self.quantifier, name = quantifier, name[len(quantifier) + 1 :]
        self.if_exists = name.endswith("ifexists")
        known = _BY_LOWER_NAME.get(name.removesuffix("ifexists"))
        if known is None:
            raise InvalidCondition(f"Invalid Condition type : {operator}.")
        self.family, self.negated = known.family, known.negated
        variables = version_has_variables and known.takes_variables
        self.templates = [Template(value) for value in wanted if variables and has_variable(value)]
        try:
            self.matchers = [self.family(value) for value in wanted if not (variables and has_variable(value))]
        except ValueError:
            raise InvalidCondition(f"Value not valid for condition operator {operator} on key {key}.") from None

    def holds(self, keys: Keys) -> bool | None:
        values = keys.values(self.key)
        if values is None:
            if self.quantifier:
                return self.if_exists or self.quantifier == "forallvalues"
            return self.if_exists or self.negated
        matchers, is_unresolved = self.matchers, False
        if self.templates:
            matchers = list(matchers)
            for template in self.templates:
                filled = template.filled(keys)
                if filled is None:
                    is_unresolved = True
                else:
                    matchers.append(self._matcher(filled))
        if self.quantifier:
            result = self._quantified(values, matchers)
        else:
            result = any(matches(value) for matches in matchers for value in values) is not self.negated
        # Alternatives are alternatives: another value that matched settles it. Else nobody can say.
        return None if is_unresolved and result is self.negated else result

    def _matcher(self, filled: str) -> Matcher:
        try:
            return self.family(filled)
        except ValueError:
            return lambda value: False

    def _quantified(self, values: list[str], matchers: list[Matcher]) -> bool:
        # AWS takes an empty string for an empty set here.
        values = [value for value in values if value != ""]
        fits = (any(matches(value) for matches in matchers) is not self.negated for value in values)
        return all(fits) if self.quantifier == "forallvalues" else any(fits)

    def __str__(self) -> str:
        return f"{self.operator} {self.key} {self.wanted}"


class NullTest:
    """Null: "true" asks that the key is absent, "false" that it is there."""

    __slots__ = ("key", "operator", "wanted")

    def __init__(self, key: str, wanted: list[str]) -> None:
        self.operator, self.key, self.wanted = "Null", key.lower(), [value.lower() for value in wanted]
        if any(value not in ("true", "false") for value in self.wanted):
            raise InvalidCondition(f"Value not valid for condition operator Null on key {key}.")

    def holds(self, keys: Keys) -> bool:
        is_absent = not keys.values(self.key)
        return ("true" if is_absent else "false") in self.wanted

    def __str__(self) -> str:
        return f"Null {self.key} {self.wanted}"


def compile_block(block: dict[str, dict[str, list[str]]], version_has_variables: bool) -> tuple[Test | NullTest, ...]:
    """`block` is operator -> key -> values, already checked for that shape."""
    tests: list[Test | NullTest] = []
    for operator, keys in block.items():
        for key, values in keys.items():
            if operator.lower() in ("null", "forallvalues:null", "foranyvalue:null"):
                tests.append(NullTest(key, values))
            else:
                tests.append(Test(operator, key, values, version_has_variables))
    return tuple(tests)
