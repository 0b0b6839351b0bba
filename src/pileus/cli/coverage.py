"""`pileus coverage`: what of the AWS models is there, computed from the code."""

import sys

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
        click.echo(f"{service.name}: {len(here) + len(partial)} of {len(here) + len(partial) + len(absent)} operations")
        for title, operations in (("implemented", here), ("absent", absent)):
            if operations:
                click.echo(f"  {title}: {', '.join(operations)}")
        for operation, missing in partial.items():
            click.echo(f"  partial: {operation}: {missing}")


def coverage_of(service: Service) -> tuple[list[str], dict[str, str], list[str]]:
    """Implemented, partial (with what is missing) and absent operations of the service's model."""
    names = models.load(service.name).operation_names
    here = [n for n in names if service.operation(n) is not None and n not in service.partial]
    partial = {n: service.partial[n] for n in names if n in service.partial}
    absent = [n for n in names if service.operation(n) is None]
    return here, partial, absent


def table(services: list[Service]) -> str:
    lines = ["| service | operations | of the model | resource types |", "|---|---|---|---|"]
    for service in services:
        here, partial, absent = coverage_of(service)
        types = ", ".join(sorted(kind.name.removeprefix("AWS::") for kind in service.resource_types())) or "–"
        done = len(here) + len(partial)
        lines.append(f"| {service.name} | {done} | {done + len(absent)} | {types} |")
    return "\n".join(lines)
