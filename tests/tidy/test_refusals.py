"""`pileus coverage` tells what each operation refuses: every NotImplementedByUs of the code stands in a row, and every
row in the code.

Read from the source without running it. An operation may refuse what the functions that it names refuse, and those
that these name; methods are their class's, as are functions in tables. What a refusal says is its text; a name in it
is every value of the table it is taken from, and "…" where there is no such table. A row says the same, or more
precisely: it begins with those words.
"""

import ast
import importlib
import inspect
import itertools
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pileus.cli.coverage import refused, takes
from pileus.kernel.service import Registry, Service
from pileus.protocol import models

SOURCE = Path(__file__).parents[2] / "src"
REGISTRY = Registry.discover("pileus.services")
SERVICES = [REGISTRY.services[name] for name in sorted(REGISTRY.services)]

OF_THE_INSTALLATION = re.compile(r"without (its|the \w+) library")
"""What a library would bring is missing on this machine, not in the operation."""

NEVER = {
    ("iam", "CreateServiceLinkedRole", "the AWS managed policy …"): "its role is given no boundary",
    ("iam", "GetAccountAuthorizationDetails", "the AWS managed policy …"): "what is attached was found then",
    ("iam", "GetContextKeysForPrincipalPolicy", "the AWS managed policy …"): "what is attached was found then",
    ("iam", "SimulatePrincipalPolicy", "the AWS managed policy …"): "what is attached was found then",
}
"""(service, operation, words) that the code has a way to and a request has not, and why."""

_OPERATION = re.compile(rf"\A({'|'.join(REGISTRY.names)})(:(\w+|…))?:? (with |of )?")
"""How a refusal begins that names its service."""

UNSEEN_CALLS = {"pileus.stacks.transforms:_apply": {"pileus.stacks.sam:Sam"}}
"""Through an interface, which only an annotation names."""

OF_NO_OPERATION = {
    "pileus.stacks.resource:ResourceType": "a type refuses when its stack is made: the stack fails and tells why",
}
"""Definition that refuses -> why no operation reaches it."""


class Refusal(NamedTuple):
    place: str
    words: tuple[str, ...]


# The source


@cache
def modules() -> dict[str, ast.Module]:
    found = {}
    for path in sorted((SOURCE / "pileus").rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        if "tests" not in parts:
            found[".".join(parts).removesuffix(".__init__")] = ast.parse(path.read_text())
    return found


@cache
def definitions() -> dict[str, ast.stmt]:
    """The functions, classes and assignments at the modules' tops, by "module:name"."""
    found: dict[str, ast.stmt] = {}
    for module, tree in modules().items():
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found[f"{module}:{node.name}"] = node
            elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= {f"{module}:{target.id}": node for target in targets if isinstance(target, ast.Name)}
    return found


@cache
def imported(module: str) -> dict[str, str]:
    """Name in `module` -> "module" or "module:name"."""
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        if f"{node.module}.{alias.name}" in modules()
        else f"{node.module}:{alias.name}"
        for node in ast.walk(modules()[module])
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def meant(module: str, node: ast.AST) -> str | None:
    """The definition that a name, or a name of an imported module, stands for."""
    if isinstance(node, ast.Name):
        return _defined(module, node.id)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        owner = imported(module).get(node.value.id)
        return _defined(owner, node.attr) if owner in modules() else None
    return None


def _defined(module: str, name: str) -> str | None:
    while f"{module}:{name}" not in definitions():
        module, _, name = imported(module).get(name, "").partition(":") if module in modules() else ("", "", "")
        if not name:
            return None
    return f"{module}:{name}"


@cache
def names_in(key: str) -> frozenset[str]:
    """The definitions that a definition names, annotations aside."""
    module, found, left = key.partition(":")[0], set(), [definitions()[key]]
    while left:
        node = left.pop()
        found.add(meant(module, node))
        for field, value in ast.iter_fields(node):
            if field not in ("annotation", "returns"):
                children = value if isinstance(value, list) else [value]
                left += [child for child in children if isinstance(child, ast.AST)]
    return frozenset(found - {None} | UNSEEN_CALLS.get(key, set()))


def roots(fn: Callable) -> Iterator[str]:
    """The definitions from which a function of the running program starts."""
    module, name = fn.__module__, fn.__qualname__.partition(".")[0]
    if f"{module}:{name}" in definitions():
        yield f"{module}:{name}"
    else:
        yield from filter(None, (_defined(module, named) for named in fn.__code__.co_names))
    for cell in fn.__closure__ or ():
        if inspect.isfunction(cell.cell_contents):
            yield from roots(cell.cell_contents)


def reach(starts: set[str]) -> set[str]:
    found, left = set(), set(starts)
    while left:
        found |= left
        left = set().union(*map(names_in, left)) - found
    return found


# What is refused


@cache
def refusals() -> dict[str, list[Refusal]]:
    """Definition -> what it refuses, for all that operations are made of."""
    found = {}
    for key, definition in definitions().items():
        module = key.partition(":")[0]
        if module.startswith(("pileus.services.", "pileus.stacks.")):
            calls = [
                (node, way)
                for node, way in _walk(definition, ())
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("NotImplementedByUs")
            ]
            if calls:
                found[key] = [
                    Refusal(f"{module}:{node.lineno}", _words(module, node.args[0], way)) for node, way in calls
                ]
    return found


def _walk(node: ast.AST, way: tuple[ast.AST, ...]) -> Iterator[tuple[ast.AST, tuple[ast.AST, ...]]]:
    yield node, way
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, (*way, node))


def _words(module: str, text: ast.expr, way: tuple[ast.AST, ...]) -> tuple[str, ...]:
    """What the text may say, without the operation at its beginning."""
    parts = text.values if isinstance(text, ast.JoinedStr) else [text]
    choices = [_values(module, part, way) for part in parts]
    return tuple(_OPERATION.sub("", "".join(said), count=1) for said in itertools.product(*choices))


def _values(module: str, part: ast.expr, way: tuple[ast.AST, ...]) -> list[str]:
    if isinstance(part, ast.Constant):
        return [part.value]
    value = part.value if isinstance(part, ast.FormattedValue) else part
    if isinstance(value, ast.Name):
        for source, place in _sources(value.id, way):
            if values := _table(module, source, place):
                return values
    return ["…"]


def _sources(name: str, way: tuple[ast.AST, ...]) -> Iterator[tuple[ast.expr, int]]:
    """Expressions that `name` has its value from, and the name's place in the pair that they give."""
    for node in reversed(way):
        match node:
            case ast.For(target, table):
                names = target.elts if isinstance(target, ast.Tuple) else [target]
                yield from ((table, place) for place, each in enumerate(names) if ast.unparse(each) == name)
            case ast.If(ast.Compare(left, [ast.In()], [table])) if ast.unparse(left) == name:
                yield table, 0
        for statement in getattr(node, "body", ()):
            if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == name:
                yield statement.value, 0


def _table(module: str, source: ast.expr, place: int) -> list[str]:
    """The strings of the tuple that `source` is, or of the table that it names."""
    if isinstance(source, (ast.Tuple, ast.List, ast.Set)):
        return [element.value for element in source.elts if isinstance(element, ast.Constant)]
    for node in ast.walk(source):
        key = meant(module, node)
        if key is not None and isinstance(definitions()[key], (ast.Assign, ast.AnnAssign)):
            owner, _, name = key.partition(":")
            table: Any = getattr(importlib.import_module(owner), name)
            values = list(table.values()) if isinstance(table, dict) and place else list(table)
            if values and all(isinstance(value, str) for value in values):
                return sorted(values)
    return []


@cache
def reached(service: Service) -> dict[str, set[str]]:
    """Operation -> the definitions that it is made of: its function, what it touches, the check of its body."""
    api, found = models.load(service.name), {}
    for name in api.operation_names:
        if service.operation(name) is not None:
            functions = [service.operation(name), service.authorize.RESOURCES[name]]
            if service.check_body is not None and not api.operation(name).has_streaming_input:
                functions.append(service.check_body)
            found[name] = reach({root for fn in functions for root in roots(fn)})
    return found


def told(service: Service, operation: str) -> dict[str, str]:
    """What the operation may refuse -> where it does."""
    return {
        words: refusal.place
        for key in reached(service)[operation] & refusals().keys()
        for refusal in refusals()[key]
        for words in refusal.words
        if takes(service, operation, words)
        and not OF_THE_INSTALLATION.search(words)
        and (service.name, operation, words) not in NEVER
    }


def is_told_by(words: str, row: str) -> bool:
    return re.match(re.escape(words).replace("…", ".+") + r"(?!\w)", row) is not None


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_what_an_operation_refuses_stands_in_its_row(service: Service):
    untold = [
        f"{name}: {words} ({place})"
        for name in reached(service)
        for words, place in told(service, name).items()
        if not any(is_told_by(words, row) for row in refused(service, name))
    ]
    assert not untold, "say so in the service's `refuses`:\n" + "\n".join(sorted(untold))


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_what_stands_in_a_row_is_refused(service: Service):
    strays = [
        f"{name}: {row}"
        for name in service.refuses
        for row in refused(service, name)
        if not any(is_told_by(words, row) for words in told(service, name))
    ]
    assert not strays, "nothing refuses these:\n" + "\n".join(strays)


def test_a_refusal_says_what_it_refuses():
    silent = [refusal.place for found in refusals().values() for refusal in found if "…" in refusal.words]
    assert not silent, "name it in the text, or take it from a table at the module's top"


def test_every_refusal_is_an_operations():
    everything = set().union(*(found for service in SERVICES for found in reached(service).values()))
    unseen = refusals().keys() - everything
    assert unseen == set(OF_NO_OPERATION)


def test_what_never_happens_is_not_in_vain():
    """Else an entry would hide a refusal that a later change brings."""
    by_name = {service.name: service for service in SERVICES}
    for name, operation, words in NEVER:
        keys = reached(by_name[name])[operation] & refusals().keys()
        assert any(words in refusal.words for key in keys for refusal in refusals()[key])
