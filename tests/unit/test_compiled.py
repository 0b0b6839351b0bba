"""The finder of compiled modules never finds one of another source, and what is compiled does what the source says."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

import pileus
from pileus.compiled import FOLDER, SUFFIX, CompiledFinder, file_name
from pileus.gateway.turn import Turn
from pileus.services.dynamodb.state import rows

PACKAGE = Path(pileus.__file__).parent


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """One module, and what was compiled of it."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "wal.py").write_text("x = 1\n")
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / file_name("pileus.store.wal", b"x = 1\n")).touch()
    return tmp_path


def test_finds_what_was_compiled_of_the_source_as_it_is(package):
    spec = CompiledFinder(package / FOLDER).find_spec("pileus.store.wal")

    assert spec.name == "pileus.store.wal"
    assert spec.origin == str(package / FOLDER / file_name("pileus.store.wal", b"x = 1\n"))


@pytest.mark.parametrize("edit", ["x = 2\n", "x = 1\n\n", None])
def test_does_not_find_what_was_compiled_of_another_source(package, edit):
    source = package / "store" / "wal.py"
    source.unlink() if edit is None else source.write_text(edit)

    assert CompiledFinder(package / FOLDER).find_spec("pileus.store.wal") is None


def test_leaves_all_other_modules_to_others(package):
    (package / FOLDER / f"nonsense{SUFFIX}").touch()
    finder = CompiledFinder(package / FOLDER)

    assert finder.find_spec("pileus.store") is None
    assert finder.find_spec("json") is None
    assert list(finder.paths) == ["pileus.store.wal"]


def _origin(interpreted: str) -> str:
    command = "import pileus.store.wal; print(pileus.store.wal.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", command],
        env={"PILEUS_INTERPRETED": interpreted},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_runs_from_the_source_when_asked_to():
    assert _origin("1") == str(PACKAGE / "store" / "wal.py")


@pytest.mark.skipif(not (PACKAGE / FOLDER).is_dir(), reason="nothing is compiled here: no C compiler, or no make yet")
def test_runs_what_is_compiled():
    source = (PACKAGE / "store" / "wal.py").read_bytes()
    compiled = PACKAGE / FOLDER / file_name("pileus.store.wal", source)
    if not compiled.exists():
        pytest.skip("store/wal.py was edited: `make compiled`")

    assert _origin("") == str(compiled)


class _Rows:
    """What rows.row asks of a transaction: the key itself is the row."""

    __slots__ = ()

    def get(self, key: bytes) -> bytes:
        return key


def _id_seen(table: object) -> int:
    """A table's id as compiled code reads it (native/attributes.h)."""
    return int.from_bytes(rows.row(_Rows(), table, b"").raw[-8:])


def test_a_slot_is_read_where_it_is():
    class Table:
        __slots__ = ("id",)

    first, second = Table(), Table()
    first.id, second.id = 1, 2

    assert [_id_seen(table) for table in (first, second, first, second)] == [1, 2, 1, 2]
    first.id = 3
    assert _id_seen(first) == 3
    del first.id
    with pytest.raises(AttributeError):
        _id_seen(first)


def test_what_a_class_says_later_of_an_attribute_holds():
    class Table:
        __slots__ = ("id",)

    class Other(Table):
        pass

    table, other = Table(), Other()
    table.id, other.id = 1, 2
    assert (_id_seen(table), _id_seen(other)) == (1, 2)

    Other.id = property(lambda self: 7)
    assert (_id_seen(table), _id_seen(other)) == (1, 7)
    Table.id = property(lambda self: 8)
    assert (_id_seen(table), _id_seen(other)) == (8, 7)
    del Other.id
    assert (_id_seen(table), _id_seen(other)) == (8, 8)
    other.__class__ = type("Third", (Table,), {"id": 9})
    assert _id_seen(other) == 9


def test_attributes_that_are_no_slots_are_found_as_ever():
    class Plain:
        id = 1

    class Asked:
        def __getattr__(self, name: str) -> int:
            return 3

    plain = Plain()
    assert _id_seen(plain) == 1
    plain.id = 2
    assert [_id_seen(plain), _id_seen(Asked()), _id_seen(Plain)] == [2, 3, 1]


def test_a_setter_is_called_where_a_subclass_has_one():
    class Watched(Turn):
        seen = ()

        @property
        def _held(self) -> list:
            return []

        @_held.setter
        def _held(self, held: list) -> None:
            self.seen = (*self.seen, held)

    plain, watched = Turn(None), Watched(None)
    for turn in (plain, watched, plain, watched):
        turn.end()

    assert watched.seen == ([], [], [])
    assert plain._held == []


def test_a_method_is_the_one_that_the_class_or_the_instance_has_now():
    class Transport:
        __slots__ = ("sent",)

        def is_closing(self) -> bool:
            return False

        def write(self, message: bytes) -> None:
            self.sent = message

    class Open(Transport):
        """Its instances have a dict."""

    def sent(transport: Transport) -> bytes:
        transport.sent = b""
        turn = Turn(asyncio.new_event_loop())
        turn.hold(transport, b"x")
        turn._loop.close()
        turn.end()
        return transport.sent

    assert [sent(Transport()), sent(Open()), sent(Transport()), sent(Open())] == [b"x"] * 4
    shut = Open()
    shut.is_closing = lambda: True
    assert sent(shut) == b""
    Transport.write = lambda self, message: setattr(self, "sent", message * 2)
    assert [sent(Transport()), sent(Open())] == [b"xx", b"xx"]
    Open.is_closing = lambda self: True
    assert [sent(Transport()), sent(Open())] == [b"xx", b""]
    Open.write = None
    Transport.is_closing = staticmethod(lambda: False)
    assert sent(Transport()) == b"xx"
