"""DynamoDB's numbers: decimal texts of up to 38 significant digits.

A number is kept as the text AWS answers: plain decimal digits, no exponent, no leading or trailing zeros.
Source: DynamoDB developer guide, "Supported data types and naming rules", Number; API reference, AttributeValue; the
errors' texts are those of recorded answers.
"""

import re
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow

from pileus.kernel.errors import ValidationException

MAX_DIGITS = 38
MAX_EXPONENT = 125
MIN_EXPONENT = -130

OVERFLOW = "Number overflow. Attempting to store a number with magnitude larger than supported range"
UNDERFLOW = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
TOO_MANY_DIGITS = "Attempting to store more than 38 significant digits in a Number"
NOT_A_NUMBER = "The parameter cannot be converted to a numeric value"

is_canonical_integer = re.compile(r"0|-?[1-9][0-9]{0,37}").fullmatch
"""Most numbers are one: `normalise` has nothing to do for them."""
_NUMBER = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]+))?")
_EXACT = Context(prec=MAX_DIGITS, Emin=-9999, Emax=9999, traps=[Inexact, InvalidOperation, Overflow, DivisionByZero])

# Of sortable(): what leads a negative number, zero and a positive one; the exponent's byte; two digits a byte.
_NEGATIVE, _ZERO, _POSITIVE = b"\x01", b"\x02", b"\x03"
_EXPONENT_BIAS = -MIN_EXPONENT - 1
_PAIRS = {f"{pair:02}": pair + 1 for pair in range(100)}
_COMPLEMENT = bytes(255 - byte for byte in range(256))


def normalise(text: str) -> str:
    """The canonical text of a number as sent.

    errors   ValidationException: no number, more than 38 significant digits, out of 1E-130 to 9.99...E+125
    """
    if is_canonical_integer(text):
        return text
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValidationException(f"{NOT_A_NUMBER}: {text}")
    sign, whole, fraction, power = match.groups()
    fraction = fraction or ""
    digits = whole + fraction
    if not digits:
        raise ValidationException(f"{NOT_A_NUMBER}: {text}" if text else NOT_A_NUMBER)
    significant = digits.lstrip("0")
    if not significant:
        return "0"
    exponent = _power(power) - len(fraction)
    stripped = significant.rstrip("0")
    exponent += len(significant) - len(stripped)
    magnitude = exponent + len(stripped) - 1
    if magnitude > MAX_EXPONENT:
        raise ValidationException(OVERFLOW)
    if magnitude < MIN_EXPONENT:
        raise ValidationException(UNDERFLOW)
    if len(stripped) > MAX_DIGITS:
        raise ValidationException(TOO_MANY_DIGITS)
    return ("-" if sign == "-" else "") + _plain(stripped, exponent)


def add(left: str, right: str) -> str:
    """The exact sum of two canonical numbers.

    errors   ValidationException: the sum has more than 38 digits or is out of range. AWS calls both an overflow.
    """
    if len(left) < 18 and len(right) < 18 and "." not in left and "." not in right:
        return str(int(left) + int(right))
    return _exact(_EXACT.add, left, right)


def subtract(left: str, right: str) -> str:
    """The exact difference of two canonical numbers; errors as of add()."""
    if len(left) < 18 and len(right) < 18 and "." not in left and "." not in right:
        return str(int(left) - int(right))
    return _exact(_EXACT.subtract, left, right)


def compare(left: str, right: str) -> int:
    """-1, 0 or 1, as `left` is less than, equal to or greater than `right`. Both are canonical."""
    if left == right:
        return 0
    return -1 if is_less(left, right) else 1


def is_less(left: str, right: str) -> bool:
    """Whether one canonical number is less than another."""
    if len(left) < 18 and len(right) < 18 and "." not in left and "." not in right:
        return int(left) < int(right)
    return Decimal(left) < Decimal(right)


def sortable(text: str) -> bytes:
    """Bytes that sort as the canonical numbers do. None is the beginning of another, so more may follow them.

    A byte for the sign; then, for other numbers than zero, the exponent of 0.ddd x 10^e, the digits two a byte (plus
    one, so that none is 0) and a closing 0. Of a negative number all but the sign is complemented.
    """
    if text == "0":
        return _ZERO
    negative = text[0] == "-"
    whole, _, fraction = (text[1:] if negative else text).partition(".")
    if whole != "0":
        exponent = len(whole)
        digits = (whole + fraction).rstrip("0")
    else:
        digits = fraction.lstrip("0")
        exponent = len(digits) - len(fraction)
    if len(digits) & 1:
        digits += "0"
    body = bytes(
        [exponent + _EXPONENT_BIAS, *[_PAIRS[digits[at : at + 2]] for at in range(0, len(digits), 2)], 0],
    )
    return _NEGATIVE + body.translate(_COMPLEMENT) if negative else _POSITIVE + body


def _power(text: str | None) -> int:
    if not text:
        return 0
    # Of an exponent too long to matter, only the sign does: int() refuses texts of thousands of digits.
    if len(text.lstrip("+-0")) > 6:
        return -1_000_000 if text[0] == "-" else 1_000_000
    return int(text)


def _plain(digits: str, exponent: int) -> str:
    if exponent >= 0:
        return digits + "0" * exponent
    point = len(digits) + exponent
    if point > 0:
        return f"{digits[:point]}.{digits[point:]}"
    return "0." + "0" * -point + digits


def _exact(operation, left: str, right: str) -> str:
    try:
        return normalise(str(operation(Decimal(left), Decimal(right))))
    except (Inexact, Overflow) as why:
        raise ValidationException(OVERFLOW) from why
