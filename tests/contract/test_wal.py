"""The write-ahead log: what is read back of it, whatever a crash has left, and that its space is used again."""

import shutil
from pathlib import Path

import pytest

from pileus.store import wal
from pileus.store.engine import DataDirRefused
from pileus.store.rocks import RocksEngine
from pileus.store.wal import HEADER_BYTES, Damaged, WriteAheadLog, read, remove


@pytest.fixture(autouse=True)
def small_segments(monkeypatch):
    monkeypatch.setattr(wal, "SEGMENT_BYTES", 1000)
    monkeypatch.setattr(wal, "STRIDE_BYTES", 600)


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "wal"


@pytest.fixture
def log(folder):
    log = WriteAheadLog(folder)
    yield log
    log.close()


def payload(number: int) -> bytes:
    return b"%d " % number * 20


def append(log: WriteAheadLog, *numbers: int, releases: bool = False) -> None:
    for number in numbers:
        if log.is_full:
            log.rotate()
            if releases:
                log.release()
        log.append(payload(number))
        log.sync()
        log.keep()


def numbers(folder: Path) -> list[int]:
    return [int(one.split()[0]) for one in read(folder)]


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.wal"))


def test_records_are_read_in_their_order_over_all_segments(log, folder):
    append(log, *range(100))
    assert len(segments(folder)) > 3
    assert numbers(folder) == list(range(100))


@pytest.mark.parametrize("size", [0, 1, 599, 600, 601, 5000])
def test_a_record_may_be_of_any_size(log, folder, size):
    append(log, 1)
    log.append(bytes(size))
    log.sync()
    assert read(folder) == [payload(1), bytes(size)]


def test_no_folder_and_no_segment_are_an_empty_log(folder):
    assert read(folder) == []
    remove(folder)
    WriteAheadLog(folder).close()
    assert read(folder) == []


class TestRelease:
    def test_a_released_segment_is_used_again_and_its_records_are_gone(self, log, folder):
        append(log, *range(200), releases=True)
        assert len(list(folder.iterdir())) <= 2
        left = numbers(folder)
        assert left == list(range(left[0], 200))
        assert len(left) < 40

    def test_a_segment_used_again_ends_where_its_new_records_do(self, log, folder):
        """Old records follow: they are no damage, and do not come back."""
        append(log, *range(60), releases=True)
        for number in range(60, 100):
            append(log, number, releases=True)
            assert numbers(folder)[-1] == number

    def test_a_crash_amid_the_releases_leaves_a_log_without_a_gap(self, log, folder):
        append(log, *range(100))
        whole = numbers(folder)
        for path in segments(folder)[:-1]:
            path.unlink()
            left = numbers(folder)
            assert left == whole[-len(left) :]

    def test_a_spare_segment_whose_new_name_alone_reached_the_disk_is_not_begun(self, log, folder):
        append(log, *range(40), releases=True)
        (spare,) = folder.glob("*.spare")
        before = numbers(folder)
        spare.rename(folder / f"{int(segments(folder)[-1].stem) + 1:016d}.wal")
        assert numbers(folder) == before


class TestTakingBack:
    def test_what_is_forgotten_does_not_come_back(self, log, folder):
        append(log, 1, 2)
        log.append(payload(3))
        log.forget()
        assert numbers(folder) == [1, 2]
        append(log, 4)
        assert numbers(folder) == [1, 2, 4]

    def test_forgetting_nothing_is_allowed(self, log, folder):
        log.forget()
        append(log, 1)
        log.forget()
        assert numbers(folder) == [1]

    def test_a_write_that_fails_half_way_leaves_the_log_as_it_was(self, log, folder, monkeypatch):
        append(log, 1)
        whole = wal._write

        def half(file: int, data: bytes, at: int) -> None:
            whole(file, data[: len(data) // 2], at)
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as full:
            full.setattr(wal, "_write", half)
            with pytest.raises(OSError, match="No space"):
                log.append(payload(2))
        assert numbers(folder) == [1]
        log.forget()
        append(log, 3)
        assert numbers(folder) == [1, 3]

    def test_a_rotation_that_fails_is_tried_again(self, log, folder, monkeypatch):
        append(log, *range(20))
        with monkeypatch.context() as full:
            full.setattr(wal, "sync_folder", fail)
            with pytest.raises(OSError, match="No space"):
                log.rotate()
        assert numbers(folder) == list(range(20))
        log.rotate()
        append(log, 20)
        assert numbers(folder) == list(range(21))


def fail(*_) -> None:
    raise OSError(28, "No space left on device")


class TestDamage:
    """Every record but the last was acknowledged: the log may not open without it as if nothing had been."""

    @pytest.fixture
    def written(self, log, folder) -> Path:
        append(log, *range(30))
        assert len(segments(folder)) == 3
        return folder

    @pytest.mark.parametrize("segment", [0, 1, 2])
    @pytest.mark.parametrize(
        "at", [HEADER_BYTES, HEADER_BYTES + 5, HEADER_BYTES + 9, HEADER_BYTES + 13, HEADER_BYTES + 30]
    )
    def test_a_bit_anywhere_before_the_end_is_noticed(self, written, segment, at):
        path = segments(written)[segment]
        data = bytearray(path.read_bytes())
        data[at] ^= 0x10
        path.write_bytes(data)
        before = {0: 0, 1: first_of(written, 1), 2: first_of(written, 2)}[segment]
        with pytest.raises(Damaged, match=f"record {before + 1} can't be read") as caught:
            read(written)
        assert len(caught.value.readable) == before

    def test_a_segment_that_is_missing_between_others_is_noticed(self, written):
        segments(written)[1].unlink()
        with pytest.raises(Damaged):
            read(written)

    @pytest.mark.parametrize("segment", [0, 1, 2])
    def test_a_header_that_is_gone_is_noticed(self, written, segment):
        path = segments(written)[segment]
        path.write_bytes(bytes(HEADER_BYTES) + path.read_bytes()[HEADER_BYTES:])
        with pytest.raises(Damaged):
            read(written)

    def test_a_segment_that_was_named_and_not_begun_is_none(self, written):
        for left in (b"", bytes(20), bytes(1000)):
            (written / "0000000000000004.wal").write_bytes(left)
            assert numbers(written) == list(range(30))

    def test_the_last_record_may_be_in_any_state(self, written, log):
        path = segments(written)[-1]
        data = path.read_bytes()
        begin = log._end - len(payload(29)) - 20
        for at in range(begin, log._end):
            path.write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
            assert numbers(written) == list(range(29))

    def test_a_stored_value_that_looks_like_a_record_is_none(self, log, folder):
        append(log, 1, 2)
        path = segments(folder)[-1]
        other = WriteAheadLog(folder.parent / "other")
        append(other, *range(9))
        other.close()
        (foreign,) = segments(folder.parent / "other")
        log.append(foreign.read_bytes()[HEADER_BYTES:])
        log.sync()
        data = bytearray(path.read_bytes())
        data[data.index(payload(2)) + len(payload(2)) + 8] ^= 1  # the checksum of the one that holds it
        path.write_bytes(data)
        assert numbers(folder) == [1, 2]


def first_of(folder: Path, segment: int) -> int:
    """How many records come before a segment."""
    header = wal._header_of(segments(folder)[segment])
    assert header is not None
    return header[1] - 1


class TestEngine:
    """The tables and the log together, over many segments."""

    def test_rows_are_there_whether_they_were_in_files_in_memory_or_in_the_log(self, tmp_path):
        engine = RocksEngine(tmp_path / "state")
        for number in range(300):
            row = b"row/%03d" % number
            engine.apply({row: payload(number), b"last": b"%d" % number, b"row/%03d" % (number - 100): None})
            if number == 150:
                engine.apply({}, [(b"row/", b"row/100")])
            engine.begin_sync()()
            assert engine.get(row) == payload(number)
        assert len(segments(engine.path / "wal")) < 10
        expected = rows(engine)
        assert [key for key, _ in expected] == [b"last", *(b"row/%03d" % number for number in range(200, 300))]
        engine.close()
        assert list((engine.path / "wal").iterdir()) == []
        engine = RocksEngine(tmp_path / "state")
        assert rows(engine) == expected
        engine.close()

    def test_a_replay_that_is_cut_off_begins_again_and_ends_in_the_same(self, tmp_path, monkeypatch):
        monkeypatch.setattr(wal, "SEGMENT_BYTES", 1 << 20)  # so that no files change while they are copied
        engine = RocksEngine(tmp_path / "state")
        for number in range(50):
            engine.apply({b"same": b"%d" % number, b"%d" % number: b""}, [(b"1", b"3")] if number == 30 else [])
            engine.begin_sync()()
        shutil.copytree(engine.path, tmp_path / "copy")
        expected = rows(engine)
        engine.close()
        with monkeypatch.context() as killed:
            killed.setattr("pileus.store.rocks.remove", fail)
            with pytest.raises(DataDirRefused, match="No space"):
                RocksEngine(tmp_path / "copy")
        again = RocksEngine(tmp_path / "copy")
        assert rows(again) == expected
        again.close()


def rows(engine: RocksEngine) -> list[tuple[bytes, bytes]]:
    return list(engine.scan(b"\0", b"\xff"))
