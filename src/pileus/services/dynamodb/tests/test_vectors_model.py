"""The search function against the definition of its distances in plain Python."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.services.dynamodb.state import searching, vectors
from pileus.services.dynamodb.state.records import COSINE, DOT_PRODUCT, EUCLIDEAN, Projection, VectorIndex

FLOATS = st.floats(width=32, min_value=-1000, max_value=1000, allow_subnormal=False)
VECTORS = st.integers(1, 8).flatmap(
    lambda size: st.lists(st.lists(FLOATS, min_size=size, max_size=size), min_size=2, max_size=12)
)


def defined(distance: str, left: list[float], right: list[float]) -> float:
    product = math.fsum(a * b for a, b in zip(left, right, strict=True))
    if distance == DOT_PRODUCT:
        return product
    if distance == EUCLIDEAN:
        return math.sqrt(math.fsum((a - b) ** 2 for a, b in zip(left, right, strict=True)))
    lengths = math.hypot(*left) * math.hypot(*right)
    return 1 - product / lengths if lengths else 1.0


def entry(numbers: list[float]) -> vectors.Entry:
    """As it is after a way through the bytes of an entry."""
    index = VectorIndex(1, "vix", "v", len(numbers), COSINE, Projection("ALL"))
    item = {"v": {"L": [{"N": repr(number)} for number in numbers]}}
    _, raw = vectors.entry_of(index, item, b"suffix")
    return vectors.decoded(index, raw)


@pytest.mark.parametrize("distance", [COSINE, DOT_PRODUCT, EUCLIDEAN])
@given(VECTORS)
def test_scores_are_as_defined(distance, several):
    query, *others = several
    score_of = searching.scorer(distance, searching.query_vector([{"N": repr(number)} for number in query]))
    for other in others:
        expected = defined(distance, query, other)
        size = math.hypot(*query) * math.hypot(*other) if distance == DOT_PRODUCT else 1.0
        assert math.isclose(score_of(entry(other)), expected, rel_tol=1e-6, abs_tol=1e-6 * max(1.0, size))


@given(st.lists(FLOATS, min_size=1, max_size=8))
def test_a_vector_is_its_own_nearest(numbers):
    query = searching.query_vector([{"N": repr(number)} for number in numbers])
    if any(numbers):
        assert searching.scorer(COSINE, query)(entry(numbers)) == 0.0
    assert searching.scorer(EUCLIDEAN, query)(entry(numbers)) == 0.0


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_numbers_are_shown_as_the_shortest_text_that_is_the_same_32_bit_number(number):
    number += 0.0
    text = searching.number_text(number)
    assert "e" not in text and "." in text
    assert searching.float32(float(text)) == number
    assert searching.shortest(number) == float(text)
