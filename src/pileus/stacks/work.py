"""An operation in memory while the executor is at it: its rows, its blueprints read, its ways to the world.

Everything here is read back from the rows after a kill; nothing here is the only copy of anything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pileus.kernel.arn import partition_of
from pileus.stacks import exports, ledger
from pileus.stacks.acting import acting_principal, invoking, resolving
from pileus.stacks.conditions import evaluate_conditions
from pileus.stacks.dynamic import resolve_dynamic
from pileus.stacks.graph import Graph, graph_of
from pileus.stacks.intrinsics import Made, Pseudo, Scope
from pileus.stacks.letters import Letters
from pileus.stacks.parameters import Parameter, values_of
from pileus.stacks.records import BLUEPRINTS, RESOURCES, Blueprint, Operation, Resource, Stack
from pileus.stacks.resource import Invoke, ResourceContext, ResourceTypes
from pileus.stacks.template import Template
from pileus.store.transaction import Transaction

ZONES = "abc"


def zones(region: str) -> list[str]:
    """The availability zones of a region: three, as most regions have."""
    return [region + letter for letter in ZONES]


def pseudo_of(stack: Stack) -> Pseudo:
    return Pseudo(stack.account, stack.region, stack.name, stack.id, partition_of(stack.region))


@dataclass
class Drawn:
    """A blueprint, read: the template, the truth of its conditions, the scope its values are evaluated in."""

    blueprint: Blueprint
    template: Template
    scope: Scope
    graph: Graph


def draw(blueprint: Blueprint, pseudo: Pseudo, exported: Mapping[str, str]) -> Drawn:
    template = Template(blueprint.expanded)
    scope = scope_for(template, blueprint.parameters, pseudo, exported)
    scope = replace(scope, conditions=evaluate_conditions(template.conditions, scope))
    return Drawn(blueprint, template, scope, graph_of(template, scope.conditions))


def scope_for(
    template: Template, parameters: Mapping[str, Parameter], pseudo: Pseudo, exported: Mapping[str, str]
) -> Scope:
    """The scope that values are evaluated in before conditions and resources are known."""
    return Scope(
        pseudo,
        parameters=values_of(parameters),
        mappings=template.mappings,
        exports=exported,
        zones=zones,
        has_language_extensions=template.has_language_extensions,
    )


@dataclass
class Work:
    """
    target     what is worked towards; of a deletion, what there is (None in review)
    previous   what an update comes from
    rows       the resources' rows as last written
    made       logical id -> what Ref and Fn::GetAtt give: shared with the scopes, filled in as things are made
    """

    cloud: Any
    types: ResourceTypes
    stack: Stack
    operation: Operation
    target: Drawn | None
    previous: Drawn | None
    invoke: Invoke
    rows: dict[str, Resource] = field(default_factory=dict)
    made: dict[str, Made | None] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        return f"{self.operation.id}/{self.operation.phase}"

    @property
    def scope(self) -> Scope:
        return replace(self.target.scope, resources=self.made)

    async def write(self, fn: Callable, *args: Any, **kwargs: Any) -> Any:
        return await self.cloud.store.write(fn, *args, **kwargs)

    def note(self, row: Resource) -> Resource:
        self.rows[row.logical_id] = row
        return row

    def finished(self, row: Resource) -> None:
        """Others may refer to it now."""
        self.made[row.logical_id] = made_of(row)

    def context(
        self,
        logical_id: str,
        type_name: str,
        token: str,
        began_ms: int,
        tags: Mapping[str, str],
        initiated: Callable | None = None,
    ) -> ResourceContext:
        stack = self.stack
        more = {} if initiated is None else {"initiated": initiated}
        return ResourceContext(
            stack.account,
            stack.region,
            partition_of(stack.region),
            stack.name,
            stack.id,
            logical_id,
            token,
            self.cloud.clock,
            self.invoke,
            {
                **tags,
                "aws:cloudformation:stack-name": stack.name,
                "aws:cloudformation:logical-id": logical_id,
                "aws:cloudformation:stack-id": stack.id,
            },
            began_ms=began_ms,
            step=self.mark,
            letters=Letters(self.cloud, stack.id, stack.region),
            resource_type=type_name,
            **more,
        )

    async def resolved(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        return await resolve_dynamic(dict(properties), resolving(self.invoke))


def made_of(row: Resource) -> Made:
    return Made(row.physical_id if row.reference is None else row.reference, row.attributes)


def _load(tx: Transaction, stack_id: str) -> tuple | None:
    operation = ledger.operation_of(tx, stack_id)
    if operation is None:
        return None
    stack = ledger.stack_by_id(tx, stack_id)
    target = operation.target or stack.blueprint
    return (
        stack,
        operation,
        BLUEPRINTS.get(tx, stack_id, target) if target else None,
        BLUEPRINTS.get(tx, stack_id, operation.previous) if operation.previous else None,
        {row.logical_id: row for row in RESOURCES.scan(tx, stack_id)},
        exports.values(tx, stack.account, stack.region),
    )


async def load_work(cloud: Any, types: ResourceTypes, stack_id: str) -> Work | None:
    """What is under way on the stack, or None."""
    loaded, _ = cloud.store.look(_load, stack_id)
    if loaded is None:
        return None
    stack, operation, target, previous, rows, exported = loaded
    principal = await acting_principal(cloud, operation.actor, operation.role_arn or stack.role_arn, stack.region)
    work = Work(
        cloud,
        types,
        stack,
        operation,
        None if target is None else draw(target, pseudo_of(stack), exported),
        None if previous is None else draw(previous, pseudo_of(stack), exported),
        invoking(cloud, principal, stack.account, stack.region, stack.id),
        rows,
    )
    if work.target is not None:
        work.made = dict.fromkeys(work.target.graph.needs)
    return work
