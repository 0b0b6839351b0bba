"""`pileus coverage`: what of the AWS models is there, computed from the code."""

import re
import sys
from functools import cache

import click

from pileus.kernel.service import Registry, Service
from pileus.protocol import models


def print_coverage(name: str | None, markdown: bool) -> None:
    registry = Registry.discover("pileus.services")
    if name is not None and name not in registry.names:
        click.echo(f"pileus: there is no service {name}; there are {', '.join(registry.names)}", err=True)
        sys.exit(2)
    chosen = [registry.get(key) for key in registry.names if name in (None, key)]
    if markdown:
        click.echo(table(chosen))
        return
    for service in chosen:
        here, partial, absent = coverage_of(service)
        done = len(here) + len(partial)
        click.echo(f"{service.name}: {done} of {done + len(absent)} operations, {len(partial)} of them partial")
        for title, operations in (("implemented", here), ("absent", absent)):
            if operations:
                click.echo(f"  {title}: {', '.join(operations)}")
        for operation, missing in partial.items():
            click.echo(f"  partial: {operation}: {'; '.join(missing)}")


def coverage_of(service: Service) -> tuple[list[str], dict[str, list[str]], list[str]]:
    """Implemented, partial (with what is missing) and absent operations of the service's model."""
    here, partial, absent = [], {}, []
    for name in models.load(service.name).operation_names:
        missing = [*refused(service, name), *service.lacks.get(name, ())]
        if service.operation(name) is None:
            absent.append(name)
        elif missing:
            partial[name] = missing
        else:
            here.append(name)
    return here, partial, absent


def refused(service: Service, operation: str) -> list[str]:
    """What the operation answers 501 to, but for members that it doesn't have."""
    return [words for words in dict.fromkeys(service.refuses.get(operation, ())) if takes(service, operation, words)]


def takes(service: Service, operation: str, words: str) -> bool:
    """False where `words` begin with a member that only other operations' inputs have."""
    first = re.match(r"\w*", words)[0]
    return first in _members(service.name, operation) or not any(
        first in _members(service.name, other) for other in models.load(service.name).operation_names
    )


@cache
def _members(service: str, operation: str) -> frozenset[str]:
    """Of the operation's input and of all within it."""
    api = models.load(service)
    shapes, given = api.shapes(api.protocols[0]), api.operation(operation).input
    found, seen, left = set(), set(), [] if given is None else [given.shape]
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            shape = shapes[name]
            found |= shape.members.keys()
            within = [*shape.members.values(), shape.member, shape.key, shape.value]
            left += [ref.shape for ref in within if ref is not None]
    return frozenset(found)


def table(services: list[Service]) -> str:
    lines = ["| service | operations | of them partial | of the model | resource types |", "|---|---|---|---|---|"]
    for service in services:
        here, partial, absent = coverage_of(service)
        types = ", ".join(sorted(kind.name.removeprefix("AWS::") for kind in service.resource_types())) or "–"
        done = len(here) + len(partial)
        lines.append(f"| {service.name} | {done} | {len(partial)} | {done + len(absent)} | {types} |")
    return "\n".join(lines)
