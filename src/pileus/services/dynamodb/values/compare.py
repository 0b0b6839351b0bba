"""Comparing canonical values (values.read).

A canonical set is sorted, a canonical number has one text, so equality is Python's.
Source: DynamoDB developer guide, "Condition and filter expressions, operators, and functions in DynamoDB".
"""

from pileus.services.dynamodb.values.numbers import is_less

ORDERED = frozenset({"S", "N", "B"})
"""The types that <, <=, >, >= and BETWEEN accept."""
SET_OF = {"S": "SS", "N": "NS", "B": "BS"}
"""The types of sets, by that of their members."""
SETS = frozenset(SET_OF.values())


def type_of(value: dict) -> str:
    """ "S", "N", … of a value."""
    (kind,) = value
    return kind


def equal(left: dict, right: dict) -> bool:
    """Whether two values are of one type and the same; sets without order."""
    return left == right


def less(left: dict, right: dict) -> bool:
    """Whether `left` sorts before `right`. False unless both are of one ordered type.

    Strings sort by their UTF-8 bytes, which is the order of Python's code points.
    """
    (kind,) = left
    if kind not in right or kind not in ORDERED:
        return False
    if kind == "N":
        return is_less(left["N"], right["N"])
    return left[kind] < right[kind]


def less_or_equal(left: dict, right: dict) -> bool:
    """Whether `left` sorts before `right` or is equal to it. False unless both are of one ordered type."""
    (kind,) = left
    if kind not in right or kind not in ORDERED:
        return False
    if kind == "N":
        return left["N"] == right["N"] or is_less(left["N"], right["N"])
    return left[kind] <= right[kind]
