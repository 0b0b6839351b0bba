"""The engines' contract: ordered keys of bytes, changed atomically. Power loss, kill and full disk: test_crash.py."""

import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pileus.store.engine import DataDirRefused, Engine

PAST_ALL = b"\xff" * 9


def rows(engine: Engine, start: bytes = b"", end: bytes = PAST_ALL, reverse: bool = False) -> list:
    return list(engine.scan(start, end, reverse))


class TestEngine:
    def test_a_missing_key_is_none(self, engine):
        assert engine.get(b"a") is None

    def test_what_was_put_is_read(self, engine):
        engine.apply({b"a": b"1", b"b": b""})
        assert engine.get(b"a") == b"1"
        assert engine.get(b"b") == b""

    def test_none_deletes(self, engine):
        engine.apply({b"a": b"1"})
        engine.apply({b"a": None, b"never there": None})
        assert engine.get(b"a") is None
        assert rows(engine) == []

    def test_scans_both_ways_include_the_start_and_not_the_end(self, engine):
        engine.apply({bytes([key]): b"%d" % key for key in (3, 1, 2, 4)})
        assert rows(engine, b"\x02", b"\x04") == [(b"\x02", b"2"), (b"\x03", b"3")]
        assert rows(engine, b"\x02", b"\x04", reverse=True) == [(b"\x03", b"3"), (b"\x02", b"2")]

    @pytest.mark.parametrize(("start", "end"), [(b"b", b"b"), (b"c", b"b"), (b"x", b"z")])
    def test_an_empty_range_has_no_rows(self, engine, start, end):
        engine.apply({b"b": b"", b"w": b""})
        assert rows(engine, start, end) == rows(engine, start, end, reverse=True) == []

    def test_keys_sort_as_bytes(self, engine):
        keys = [b"\x00", b"\x00\x00", b"\x00\xff", b"a", b"a\x00", b"a\xff", b"b", b"\xfe"]
        engine.apply(dict.fromkeys(reversed(keys), b""))
        assert [key for key, _ in rows(engine)] == sorted(keys)
        assert [key for key, _ in rows(engine, reverse=True)] == sorted(keys, reverse=True)

    def test_ranges_are_deleted_before_values_are_put(self, engine):
        engine.apply({b"a": b"1", b"b": b"1", b"c": b"1", b"d": b"1"})
        engine.apply({b"b": b"2"}, [(b"a", b"d"), (b"x", b"x"), (b"z", b"y")])
        assert rows(engine) == [(b"b", b"2"), (b"d", b"1")]

    @pytest.mark.parametrize("count", [1, 32, 33, 1000])
    def test_a_range_of_any_size_is_deleted_and_nothing_beside_it(self, engine, count):
        engine.apply({b"b%04d" % number: b"1" for number in range(count)} | {b"a": b"1", b"c": b"1"})
        engine.apply({b"b9999": b"2"}, [(b"b", b"c")])
        assert rows(engine) == [(b"a", b"1"), (b"b9999", b"2"), (b"c", b"1")]

    def test_a_scan_that_was_left_early_disturbs_nobody(self, engine):
        engine.apply({b"a": b"1", b"b": b"2"})
        assert next(engine.scan(b"a", b"c")) == (b"a", b"1")
        engine.apply({b"a": b"3"})
        assert rows(engine) == [(b"a", b"3"), (b"b", b"2")]

    def test_a_value_of_16_mib(self, engine):
        value = os.urandom(16 << 20)
        engine.apply({b"a": value, b"b": b"small"})
        assert engine.get(b"a") == value
        assert rows(engine) == [(b"a", value), (b"b", b"small")]

    def test_a_long_key(self, engine):
        key = b"k" * 5000
        engine.apply({key: b"1"})
        assert rows(engine) == [(key, b"1")]

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_it_equals_a_sorted_dict(self, engine, data):
        key = st.binary(min_size=1, max_size=3)
        changes = st.dictionaries(key, st.none() | st.binary(max_size=3), max_size=6)
        model: dict[bytes, bytes] = {}
        engine.apply({}, [(b"", PAST_ALL)])
        for _ in range(data.draw(st.integers(1, 6))):
            change = data.draw(changes)
            ranges = data.draw(st.lists(st.tuples(key, key), max_size=2))
            engine.apply(change, ranges)
            model = {k: v for k, v in model.items() if not any(low <= k < high for low, high in ranges)}
            model |= change
            model = {k: v for k, v in model.items() if v is not None}
        start, end, reverse = data.draw(key), data.draw(key), data.draw(st.booleans())
        expected = sorted(((k, v) for k, v in model.items() if start <= k < end), reverse=reverse)
        assert rows(engine, start, end, reverse) == expected
        assert rows(engine) == sorted(model.items())
        probe = data.draw(key)
        assert engine.get(probe) == model.get(probe)


class TestRocks:
    def test_what_was_applied_is_there_after_opening_again(self, open_rocks):
        first = open_rocks()
        first.apply({b"a": b"1", b"b": b"1"})
        first.apply({b"b": None})
        first.close()
        assert rows(open_rocks()) == [(b"a", b"1")]

    def test_commits_that_are_not_written_yet_are_read(self, open_rocks):
        engine = open_rocks()
        engine.apply({b"a": b"1", b"b": b"1"})
        engine.begin_sync()()
        engine.apply({b"b": None, b"c": b"2"})
        engine.apply({b"c": b"3"})
        assert [engine.get(key) for key in (b"a", b"b", b"c")] == [b"1", None, b"3"]
        assert list(engine.scan(b"a", b"z")) == [(b"a", b"1"), (b"c", b"3")]
        assert list(engine.scan(b"a", b"z", reverse=True)) == [(b"c", b"3"), (b"a", b"1")]

    @pytest.mark.parametrize("durability", ["fsync", "process", "none"])
    def test_every_durability_survives_a_clean_stop(self, open_rocks, durability):
        first = open_rocks(durability=durability)
        assert first.is_durable == (durability == "fsync")
        first.apply({b"a": b"1"})
        first.close()
        assert open_rocks(durability=durability).get(b"a") == b"1"

    def test_a_second_opener_is_told_that_it_is_in_use(self, open_rocks, tmp_path):
        open_rocks()
        code = "import sys; from pileus.store.rocks import RocksEngine; RocksEngine(sys.argv[1])"
        second = subprocess.run(
            [sys.executable, "-c", code, tmp_path / "state"], capture_output=True, text=True, env=_env()
        )
        assert second.returncode == 1
        assert "DataDirRefused" in second.stderr
        assert "is in use by another Pileus" in second.stderr

    def test_a_folder_that_cannot_be_made_is_told(self, open_rocks, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(DataDirRefused, match="can't be opened"):
            open_rocks(tmp_path / "file" / "state")

    def test_many_keys_do_not_grow_the_process(self, tmp_path):
        """By hand: PILEUS_CONTRACT_KEYS=10000000 and pytest --timeout 900."""
        count = int(os.environ.get("PILEUS_CONTRACT_KEYS", "200000"))
        done = subprocess.run(
            [sys.executable, "-c", MANY_KEYS, tmp_path / "state", str(count)],
            capture_output=True,
            text=True,
            env=_env(),
            check=True,
        )
        before_kib, written_kib, read_kib = map(int, done.stdout.split())
        assert written_kib - before_kib < 80 * 1024
        assert read_kib - before_kib < 80 * 1024


MANY_KEYS = """
import hashlib, sys
from pileus.store.rocks import RocksEngine

def resident_kib():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))

def key(number):
    return hashlib.blake2b(b"%d" % number, digest_size=16).digest()

count = int(sys.argv[2])
engine = RocksEngine(sys.argv[1], "process")
sizes = [resident_kib()]
for first in range(0, count, 100):
    engine.apply({key(number): b"%0200d" % number for number in range(first, first + 100)})
sizes.append(resident_kib())
for number in range(0, count, max(1, count // 50_000)):
    assert engine.get(key(number)) == b"%0200d" % number
assert sum(1 for _ in engine.scan(b"", b"\\xff" * 17)) == count
sizes.append(resident_kib())
engine.close()
print(*sizes)
"""


def _env() -> dict[str, str]:
    """A child finds the package where this process found it."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
