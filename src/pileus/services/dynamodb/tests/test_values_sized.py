"""Reading an item with its size is reading it and sizing it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.services.dynamodb.values import item_bytes, read_item, read_sized_item

SCALARS = st.one_of(
    st.text(max_size=8).map(lambda text: {"S": text}),
    st.sampled_from(["0", "-1", "100", "0.5", "1e10", "-12.50"]).map(lambda text: {"N": text}),
    st.binary(max_size=8).map(lambda content: {"B": content}),
    st.booleans().map(lambda truth: {"BOOL": truth}),
    st.just({"NULL": True}),
    st.sets(st.text(max_size=3), min_size=1, max_size=3).map(lambda texts: {"SS": list(texts)}),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda values: {"L": values})
        | st.dictionaries(st.text(min_size=1, max_size=3), inner, max_size=3).map(lambda values: {"M": values})
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=5), VALUES, max_size=6))
def test_the_size_found_on_the_way_is_the_items(wire):
    item = read_item(wire)
    assert read_sized_item(wire) == (item, item_bytes(item))
