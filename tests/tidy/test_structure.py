"""The project's own rules about where things are and what they import."""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "pileus"
LAYERS = (
    ("kernel",),
    ("store",),
    ("protocol", "authn", "authz"),
    ("timers", "delivery", "runtime", "stacks"),
    ("services",),
    ("gateway", "console"),
    ("app", "cli", "__main__", "compiled", "config", "testing"),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
SHAPE = {"__init__.py", "README.md", "errors.py", "authorize.py", "tests"}
GROWS = ("state", "operations")
NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}
LONGEST_FILE_LINES = 800
CLOCKS = re.compile(
    r"\btime\.(time|monotonic|time_ns|perf_counter|perf_counter_ns)\(|\bdatetime\.(utcnow|now)\(|\buuid\.uuid\d\(|"
    r"\brandom\.\w+\(|\bsecrets\.\w+\("
)
# Commands are clients of the APIs from outside; and what runs a function's sandbox has no kernel to ask.
INSIDE_THE_SANDBOX = "runtime/bootstraps/"
A_CLIENT = "cli/"
# A request's own task lives as long as its connection, which waits for it; see there.
OWN_TASKS = ("kernel/tasks.py", "gateway/connection.py")


@cache
def modules() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def code() -> dict[Path, ast.Module]:
    return {path: tree for path, tree in modules().items() if "tests" not in path.relative_to(PACKAGE).parts}


def place(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def imports(path: Path, tree: ast.Module) -> list[tuple[int, str]]:
    """(line, dotted target inside the package) of each import, wherever it stands."""
    here = ["pileus", *path.relative_to(PACKAGE).with_suffix("").parts]
    parent = here[:-1]
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                start = parent[: len(parent) - node.level + 1] + ([node.module] if node.module else [])
            else:
                start = [node.module or ""]
            found += [(node.lineno, ".".join([*start, alias.name])) for alias in node.names]
    return [(line, target) for line, target in found if target.split(".")[0] == "pileus"]


def lines_matching(pattern: re.Pattern, paths) -> list[str]:
    return [
        f"{place(path)}:{number} {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line) and not line.lstrip().startswith("#")
    ]


def test_imports_point_one_way():
    against = []
    for path, tree in code().items():
        here = path.relative_to(PACKAGE).with_suffix("").parts[0]
        for line, target in imports(path, tree):
            there = target.split(".")[1:]
            is_upwards = there and here in RANK and there[0] in RANK and RANK[there[0]] > RANK[here]
            if is_upwards:
                against.append(f"{place(path)}:{line} imports {target}")
    assert not against


def test_services_never_import_each_other():
    crossing = []
    for path, tree in code().items():
        here = path.relative_to(PACKAGE).with_suffix("").parts
        if here[0] != "services" or len(here) < 3:
            continue
        for line, target in imports(path, tree):
            there = target.split(".")[1:]
            if there[:1] == ["services"] and len(there) > 1 and there[1] != here[1]:
                crossing.append(f"{place(path)}:{line} imports {target}")
    assert not crossing


def test_pages_of_the_console_know_nothing_but_operations():
    """They ask as the visitor may; what they could import of their service would be a way around."""
    around = []
    for path, tree in code().items():
        here = path.relative_to(PACKAGE).parts
        if here[0] != "services" or "console" not in here:
            continue
        for line, target in imports(path, tree):
            if not target.startswith(("pileus.kernel.", f"pileus.services.{here[1]}.console")):
                around.append(f"{place(path)}:{line} imports {target}")
    assert not around


def imported_modules(*, for_types_too: bool) -> dict[str, set[str]]:
    """Module -> the modules of ours that it imports at its top; with those that stand below TYPE_CHECKING, or without."""

    def name(path: Path) -> str:
        return ".".join(["pileus", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")

    known = {name(path) for path in code()}
    graph: dict[str, set[str]] = {}
    for path, tree in code().items():
        top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        if for_types_too:
            guards = [node for node in tree.body if isinstance(node, ast.If)]
            top += [each for guard in guards for each in guard.body if isinstance(each, (ast.Import, ast.ImportFrom))]
        edges = imports(path, ast.Module(body=top, type_ignores=[]))
        # "from package import module" means the module; the package itself is meant by what is no module.
        targets = {t if t in known else t.rpartition(".")[0] for _, t in edges} & known
        graph[name(path)] = targets - {name(path)}
    return graph


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """The modules that import each other, whatever the way round."""

    def reached(start: str) -> set[str]:
        found, ahead = set(), [start]
        while ahead:
            for target in graph[ahead.pop()] - found:
                found.add(target)
                ahead.append(target)
        return found

    reach = {module: reached(module) for module in graph}
    groups = {frozenset(other for other in reach[module] if module in reach[other]) for module in graph}
    return sorted((set(group) for group in groups if group), key=min)


def test_there_are_no_import_cycles():
    assert circles(imported_modules(for_types_too=False)) == []


def test_modules_that_name_each_others_types_are_parts_of_one_thing():
    """A part names its owner's type: to cut it would be to spell the owner out a second time, as a protocol."""
    assert circles(imported_modules(for_types_too=True)) == [
        {f"pileus.delivery.pollers.{name}" for name in ("lanes", "shards", "windows")},
        {f"pileus.gateway.{name}" for name in ("connection", "incoming", "outgoing", "server")},
        {"pileus.store.blob_writer", "pileus.store.blobs"},
    ]


@pytest.mark.parametrize(
    "folder", sorted(p for p in (PACKAGE / "services").iterdir() if (p / "__init__.py").exists()), ids=lambda p: p.name
)
def test_every_service_has_the_same_shape(folder: Path):
    there = {child.name for child in folder.iterdir()}
    assert not SHAPE - there
    # Either may have grown into a folder of chapters.
    assert all(f"{name}.py" in there or name in there for name in GROWS)


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in PACKAGE.glob("services/*/also/*/__init__.py")), ids=lambda p: p.name
)
def test_a_second_model_over_a_services_state_is_operations_and_what_they_touch(folder: Path):
    there = {child.name for child in folder.iterdir()}
    assert {"__init__.py", "authorize.py"} <= there
    assert "operations.py" in there or "operations" in there
    assert not {"state.py", "state"} & there


def test_the_core_never_spells_a_services_name():
    names = "|".join(
        re.escape(p.name.strip("_")) for p in (PACKAGE / "services").iterdir() if (p / "__init__.py").exists()
    )
    spoken = re.compile(rf"==\s*[\"']({names})[\"']|[\"']({names})[\"']\s*:")
    kernel = [
        path for path in code() if path.relative_to(PACKAGE).parts[0] in ("kernel", "store", "delivery", "timers")
    ]
    assert not lines_matching(spoken, kernel)


def test_only_the_kernel_reads_the_clock_and_randomness():
    paths = [
        path
        for path in code()
        if place(path) not in ("kernel/clock.py", "kernel/ids.py")
        and not place(path).startswith((INSIDE_THE_SANDBOX, A_CLIENT))
    ]
    assert not lines_matching(CLOCKS, paths)


def test_tests_never_sleep():
    tests = [path for path in modules() if "tests" in path.relative_to(PACKAGE).parts]
    tests += [
        path
        for path in (ROOT / "tests").rglob("*.py")
        if not {"e2e", "faults", "tidy"} & set(path.relative_to(ROOT).parts)
    ]
    sleeping = [
        line for path in tests for line in path.read_text().splitlines() if re.search(r"\bsleep\((?!0\))", line)
    ]
    assert not sleeping


def test_transitions_are_plain_functions():
    waiting = [
        f"{place(path)}:{node.lineno} {node.name}"
        for path, tree in code().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef) and node.args.args and node.args.args[0].arg == "tx"
    ]
    assert not waiting


def test_background_work_is_started_by_the_supervisor():
    paths = [path for path in code() if place(path) not in OWN_TASKS and not place(path).startswith(INSIDE_THE_SANDBOX)]
    assert not lines_matching(re.compile(r"\bcreate_task\("), paths)


def test_broad_excepts_stand_at_the_edges_only():
    edges = ("gateway/", "delivery/", "runtime/", "timers/wheel.py", "stacks/", "kernel/tasks.py")
    paths = [path for path in code() if not place(path).startswith(edges)]
    assert not lines_matching(re.compile(r"except (Base)?Exception\b|except\s*:"), paths)


def test_files_have_one_subject():
    long = {place(path): n for path in code() if (n := path.read_text().count("\n")) > LONGEST_FILE_LINES}
    assert not long


def test_files_have_names():
    assert not [place(path) for path in modules() if path.stem.strip("_") in NAMELESS]


@pytest.mark.parametrize("document", ["README.md", "docs/ARCHITECTURE.md"])
def test_every_path_the_documents_name_is_there(document: str):
    text = (ROOT / document).read_text()
    missing = [
        path
        for path in re.findall(r"`([\w./-]+/[\w.-]*)`", text)
        if not path.startswith("/") and not any((start / path).exists() for start in (ROOT, PACKAGE))
    ]
    assert not missing


def test_whatever_lies_in_the_package_is_installed_with_it():
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    built = {".py", ".c", ".so"}
    left_behind = [path for path in files if path.suffix not in built and f"*{path.suffix}" not in patterns]
    assert not left_behind
