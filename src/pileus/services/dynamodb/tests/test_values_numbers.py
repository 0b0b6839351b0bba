from decimal import Context, Decimal, Inexact

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.values import numbers

EXACT = Context(prec=500)


@st.composite
def canonical(draw):
    digits = draw(st.integers(0, 10**38 - 1))
    exponent = draw(st.integers(-130, 125 - max(len(str(digits)) - 1, 0)))
    sign = draw(st.sampled_from(["", "-"]))
    return numbers.normalise(f"{sign}{digits}E{exponent}")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("1.0", "1"),
        ("1E2", "100"),
        ("+7", "7"),
        ("-0", "0"),
        ("0e5", "0"),
        ("0001.2300", "1.23"),
        (".5", "0.5"),
        ("5.", "5"),
        ("-17.4E3", "-17400"),
        ("1e-3", "0.001"),
        ("123456e-3", "123.456"),
        ("1E125", "1" + "0" * 125),
        ("0.1E126", "1" + "0" * 125),
        ("1E-130", "0." + "0" * 129 + "1"),
        ("9" * 38, "9" * 38),
        ("9" * 38 + "000", "9" * 38 + "000"),
        ("0E999999999999", "0"),
    ],
)
def test_a_number_is_kept_in_plain_digits_without_needless_zeros(sent, kept):
    assert numbers.normalise(sent) == kept


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ("1E126", numbers.OVERFLOW),
        ("11E125", numbers.OVERFLOW),
        ("1e100000000000", numbers.OVERFLOW),
        ("1E-131", numbers.UNDERFLOW),
        ("0.9E-130", numbers.UNDERFLOW),
        ("1e-100000000000", numbers.UNDERFLOW),
        ("1" * 39, numbers.TOO_MANY_DIGITS),
        ("", "The parameter cannot be converted to a numeric value"),
        ("dog", "The parameter cannot be converted to a numeric value: dog"),
        ("NaN", "The parameter cannot be converted to a numeric value: NaN"),
        ("Infinity", "The parameter cannot be converted to a numeric value: Infinity"),
        (" 1", "The parameter cannot be converted to a numeric value:  1"),
        ("1\n", "The parameter cannot be converted to a numeric value: 1\n"),
        ("1_0", "The parameter cannot be converted to a numeric value: 1_0"),
        ("٣", "The parameter cannot be converted to a numeric value: ٣"),
        (".", "The parameter cannot be converted to a numeric value: ."),
        ("1e", "The parameter cannot be converted to a numeric value: 1e"),
    ],
)
def test_what_is_no_number_or_out_of_range_is_refused_in_awss_words(sent, message):
    with pytest.raises(ValidationException) as refused:
        numbers.normalise(sent)
    assert refused.value.message == message


@given(canonical())
def test_a_canonical_number_stays_as_it_is(number):
    assert numbers.normalise(number) == number


@given(canonical(), canonical())
def test_numbers_compare_as_decimals_do(left, right):
    wanted = (Decimal(left) > Decimal(right)) - (Decimal(left) < Decimal(right))
    assert numbers.compare(left, right) == wanted


@given(canonical(), canonical())
def test_the_bytes_of_numbers_sort_as_the_numbers_do(left, right):
    one, other = numbers.sortable(left), numbers.sortable(right)
    assert (one < other) == (Decimal(left) < Decimal(right))
    assert (one == other) == (left == right)
    assert one == other or not other.startswith(one)


@given(canonical(), canonical())
def test_sums_and_differences_are_exact_or_refused(left, right):
    for operation, wanted in (
        (numbers.add, EXACT.add(Decimal(left), Decimal(right))),
        (numbers.subtract, EXACT.subtract(Decimal(left), Decimal(right))),
    ):
        try:
            Context(prec=38, traps=[Inexact], Emin=-999, Emax=999).plus(wanted)
            representable = wanted == 0 or -130 <= wanted.adjusted() <= 125
        except Inexact:
            representable = False
        if representable:
            result = operation(left, right)
            assert Decimal(result) == wanted
            assert numbers.normalise(result) == result
        else:
            with pytest.raises(ValidationException):
                operation(left, right)


def test_a_sum_of_more_than_38_digits_is_called_an_overflow():
    with pytest.raises(ValidationException) as refused:
        numbers.add(numbers.normalise("1E50"), "1")
    assert refused.value.message == numbers.OVERFLOW
