"""Rows that were read or written lately: never another value than the engine's, and never more than there may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.store import recent
from pileus.store.recent import RecentRows

KEYS = st.binary(min_size=1, max_size=1)
VALUES = st.one_of(st.none(), st.binary(max_size=6))


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(recent, "ROWS_MAX", 3)
    monkeypatch.setattr(recent, "ROW_BYTES_MAX", 4)


def test_what_was_found_or_changed_is_there():
    rows = RecentRows()
    rows.found(b"a", b"1")
    rows.found(b"b", None)
    rows.changed({b"c": b"3", b"a": b"2"})
    assert rows == {b"a": b"2", b"b": None, b"c": b"3"}


def test_a_long_row_is_not_kept_nor_is_what_it_replaces():
    rows = RecentRows()
    rows.changed({b"a": b"1234"})
    assert rows == {b"a": b"1234"}
    rows.changed({b"a": b"12345"})
    assert rows == {}
    rows.found(b"a", b"12345")
    assert rows == {}


def test_there_are_never_more_than_there_may_be():
    rows = RecentRows()
    for number in range(20):
        rows.found(b"%d" % number, b"")
        assert len(rows) <= 3
    for number in range(20):
        rows.changed({b"%d" % number: b""})
        assert len(rows) <= 3
    rows.changed({b"%d" % number: b"" for number in range(20)})
    assert len(rows) <= 6


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("change"), st.dictionaries(KEYS, VALUES, max_size=3)), st.tuples(st.just("get"), KEYS)
        )
    )
)
def test_it_never_tells_anything_but_the_newest(steps):
    engine: dict[bytes, bytes | None] = {}
    rows = RecentRows()
    for kind, what in steps:
        if kind == "change":
            engine.update(what)
            rows.changed(what)
        elif what in rows:
            assert rows[what] == engine.get(what)
        else:
            rows.found(what, engine.get(what))
