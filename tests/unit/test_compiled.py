"""The finder of compiled modules never finds one of another source."""

import subprocess
import sys
from pathlib import Path

import pytest

import pileus
from pileus.compiled import FOLDER, SUFFIX, CompiledFinder, file_name

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
