"""How many bytes AWS counts for items and values.

Source: DynamoDB developer guide, "DynamoDB item sizes and formats".
"""

from pileus.services.dynamodb.values.numbers import MAX_DIGITS

MAX_ITEM_BYTES = 409_600
"""Developer guide, "Quotas in Amazon DynamoDB", Item size: 400 KB, attribute names included."""


def item_bytes(item: dict) -> int:
    """The size of an item: its attributes' names and values."""
    total = 0
    for name, value in item.items():
        total += len(name) if name.isascii() else len(name.encode())
        if "S" in value:
            content = value["S"]
            total += len(content) if content.isascii() else len(content.encode())
        else:
            total += value_bytes(value)
    return total


def value_bytes(value: dict) -> int:
    """The size of a value without its name."""
    if "S" in value:
        return text_bytes(value["S"])
    if "N" in value:
        return number_bytes(value["N"])
    ((kind, content),) = value.items()
    if kind == "B":
        return len(content)
    if kind in ("BOOL", "NULL"):
        return 1
    if kind == "M":
        return 3 + len(content) + item_bytes(content)
    if kind == "L":
        return 3 + len(content) + sum(map(value_bytes, content))
    if kind == "SS":
        return sum(map(text_bytes, content))
    if kind == "NS":
        return sum(map(number_bytes, content))
    return sum(map(len, content))


def text_bytes(text: str) -> int:
    """The size of a name or a string: its bytes in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def canonical_integer_bytes(text: str) -> int:
    """`number_bytes` of a whole number from 0 on in its canonical form, which most numbers are; 0: it is no such one."""
    if not text.isdigit() or not text.isascii() or len(text) > MAX_DIGITS or (text[0] == "0" and text != "0"):
        return 0
    return 1 + (len(text.rstrip("0")) + 1) // 2


def number_bytes(text: str) -> int:
    """The size of a canonical number: a byte, one for each two digits before the point, after it, and one for a minus.

    Zeros at the ends don't count. The developer guide gives the size as approximate and says nothing of the point and the
    sign; these are as measured of AWS in August 2026, to the byte (nubo-db/dynamodb-conformance, "A number's byte cost").
    """
    signs = 1 if text[0] == "-" else 0
    if "." not in text:
        return 1 + (len(text.rstrip("0")) - signs + 1) // 2 + signs
    whole, _, fraction = text[signs:].partition(".")
    whole_digits = 0 if whole == "0" else len(whole)
    fraction_digits = len(fraction) if whole_digits else len(fraction.lstrip("0"))
    return 1 + (whole_digits + 1) // 2 + (fraction_digits + 1) // 2 + signs
