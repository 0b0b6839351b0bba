"""What changes between the stack there is and the template that comes: a change set's Changes, and the order of work.

The plan foresees; the executor decides. A property whose value is known only while the stack is being updated is a
Dynamic change here, and may turn out to be none. Source: API reference, DescribeChangeSet, ResourceChange,
ResourceChangeDetail, ResourceTargetDefinition; user guide, "View a change set".
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pileus.stacks.errors import ValidationError
from pileus.stacks.graph import Graph, graph_of
from pileus.stacks.intrinsics import Made, Scope, evaluate, is_known
from pileus.stacks.outputs import Output, evaluate_outputs
from pileus.stacks.references import references_in
from pileus.stacks.resource import ResourceType, ResourceTypes
from pileus.stacks.template import Template

NESTED_STACK = "AWS::CloudFormation::Stack"
OTHER_ATTRIBUTES = ("Metadata", "CreationPolicy", "UpdatePolicy", "DeletionPolicy", "UpdateReplacePolicy")
"""Members of a resource besides its properties whose change is a change."""


@dataclass(frozen=True)
class Deployed:
    """A resource as the stack has it.

    source      its member of the template, as written (transforms done)
    properties  as evaluated and coerced when it was made or last updated, dynamic references not resolved
    """

    type: str
    physical_id: str
    source: Mapping[str, Any]
    properties: Mapping[str, Any]
    made: Made


@dataclass(frozen=True)
class Detail:
    attribute: str
    name: str | None
    requires_recreation: str
    evaluation: str
    change_source: str
    causing_entity: str | None = None

    def shown(self) -> dict[str, Any]:
        target = {"Attribute": self.attribute, "RequiresRecreation": self.requires_recreation}
        if self.name is not None:
            target["Name"] = self.name
        out: dict[str, Any] = {"Target": target, "Evaluation": self.evaluation, "ChangeSource": self.change_source}
        if self.causing_entity is not None:
            out["CausingEntity"] = self.causing_entity
        return out


@dataclass(frozen=True)
class Change:
    """`action` is Add, Modify or Remove; `replacement` True, False or Conditional, of a Modify only."""

    action: str
    logical_id: str
    type: str
    physical_id: str | None = None
    replacement: str | None = None
    policy_action: str | None = None
    details: tuple[Detail, ...] = ()

    def shown(self) -> dict[str, Any]:
        """As DescribeChangeSet shows it."""
        change: dict[str, Any] = {
            "Action": self.action,
            "LogicalResourceId": self.logical_id,
            "ResourceType": self.type,
            "Scope": list(dict.fromkeys(detail.attribute for detail in self.details)),
            "Details": [detail.shown() for detail in self.details],
        }
        for key, value in (
            ("PhysicalResourceId", self.physical_id),
            ("Replacement", self.replacement),
            ("PolicyAction", self.policy_action),
        ):
            if value is not None:
                change[key] = value
        return {"Type": "Resource", "ResourceChange": change}


@dataclass(frozen=True)
class Plan:
    """changes  in the new template's order, removals last
    graph    of the new template: the executor walks all of it, for what a Dynamic change turns out to be
    """

    changes: tuple[Change, ...]
    graph: Graph
    outputs_change: bool = False

    @property
    def is_empty(self) -> bool:
        """ "The submitted information didn't contain changes." """
        return not self.changes and not self.outputs_change

    def of(self, action: str) -> list[str]:
        return [change.logical_id for change in self.changes if change.action == action]

    def shown(self) -> list[dict[str, Any]]:
        return [change.shown() for change in self.changes]


@dataclass(frozen=True)
class Before:
    """The stack as it is; empty for one that is to be created."""

    resources: Mapping[str, Deployed] = field(default_factory=dict)
    outputs: Sequence[Output] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def make_plan(
    before: Before, template: Template, scope: Scope, types: ResourceTypes, *, tags: Mapping[str, str] | None = None
) -> Plan:
    """Compare. `scope` holds the new parameters and conditions; its resources are filled in here.

    raises ValidationError  a circular dependency, a type that changes, a property that is wrong already now
    """
    return _Planner(before, template, scope, types, before.tags if tags is None else tags).plan()


class _Planner:
    def __init__(self, before: Before, template: Template, scope: Scope, types: ResourceTypes, tags) -> None:
        self.before = before
        self.template = template
        self.types = types
        self.graph = graph_of(template, scope.conditions)
        # What Ref and Fn::GetAtt give as far as it is known: what is added or replaced has no name yet.
        self.resources: dict[str, Made | None] = dict.fromkeys(self.graph.needs)
        self.scope = replace(scope, resources=self.resources)
        self.changed_parameters = {
            name for name, value in scope.parameters.items() if before.parameters.get(name) != value
        }
        self.tags_change = dict(tags) != dict(before.tags)
        self.modified: set[str] = set()

    def plan(self) -> Plan:
        self.refuse_changed_types()
        changes: dict[str, Change] = {}
        # In the order of dependence, so that each knows what becomes of those it refers to.
        for logical_id in self.graph.order():
            change = self.change_of(logical_id)
            if change is not None:
                changes[logical_id] = change
        removed = [logical_id for logical_id in self.before.resources if logical_id not in self.graph.needs]
        ordered = [changes[logical_id] for logical_id in self.graph.needs if logical_id in changes]
        ordered += [self.removal(logical_id) for logical_id in removed]
        outputs = evaluate_outputs(self.template, self.scope)
        return Plan(tuple(ordered), self.graph, outputs_change=list(self.before.outputs) != outputs)

    def refuse_changed_types(self) -> None:
        changed = [
            logical_id
            for logical_id in self.graph.needs
            if logical_id in self.before.resources
            and self.before.resources[logical_id].type != self.template.type_of(logical_id)
        ]
        if changed:
            raise ValidationError(
                "Update of resource type is not permitted. The new template modifies resource type of the following "
                f"resources: [{', '.join(changed)}]"
            )

    def change_of(self, logical_id: str) -> Change | None:
        type_name = self.template.type_of(logical_id)
        resource_type = self.types.get(type_name)
        if resource_type is None:
            raise ValidationError(f"Template format error: Unrecognized resource types: [{type_name}]")
        properties = resource_type.coerced(evaluate(self.template.properties(logical_id), self.scope))
        deployed = self.before.resources.get(logical_id)
        if deployed is None:
            return Change("Add", logical_id, type_name)
        details = self.property_details(logical_id, resource_type, deployed, properties)
        details += self.other_details(logical_id, resource_type, deployed, details)
        if not details:
            self.resources[logical_id] = deployed.made
            return None
        replacement = _replacement(details)
        self.modified.add(logical_id)
        if replacement == "False":
            self.resources[logical_id] = replace(deployed.made, is_changing=True)
        policy = None
        if replacement == "True":
            written = self.template.resources[logical_id].get("UpdateReplacePolicy", "Delete")
            policy = f"ReplaceAnd{written}" if isinstance(written, str) else None
        return Change("Modify", logical_id, type_name, deployed.physical_id, replacement, policy, tuple(details))

    def property_details(
        self, logical_id: str, resource_type: ResourceType, deployed: Deployed, new: Mapping[str, Any]
    ) -> list[Detail]:
        written = self.template.properties(logical_id)
        written_before = deployed.source.get("Properties") or {}
        details: list[Detail] = []
        for name in dict.fromkeys([*written, *written_before, *new, *deployed.properties]):
            value = new.get(name)
            uses = self.changed_uses(written.get(name))
            differs = deployed.properties.get(name) != value
            if not differs:
                # Its value is known and the same, whatever its parameters do; only a resource may still change it.
                uses = [use for use in uses if use[0] != "ParameterReference"]
                if not uses:
                    continue
            if name == "Tags":
                target = ("Tags", None, "Never")
            else:
                target = ("Properties", name, resource_type.requires_recreation(name))
            details += uses_as_details(target, uses)
            is_direct = differs and (not uses or written.get(name) != written_before.get(name))
            if is_direct:
                details.append(Detail(*target, "Static" if is_known(value) else "Dynamic", "DirectModification"))
            elif any(source == "ParameterReference" for source, _ in uses):
                details.append(Detail(*target, "Dynamic", "DirectModification"))
        return details

    def changed_uses(self, value: Any) -> list[tuple[str, str]]:
        """The changed things that `value` refers to: (ChangeSource, CausingEntity)."""
        uses: dict[tuple[str, str], None] = {}
        for reference in references_in(value, self.scope.conditions):
            if reference.name in self.changed_parameters:
                uses["ParameterReference", reference.name] = None
            elif reference.attribute is not None and reference.name in self.modified:
                uses["ResourceAttribute", str(reference)] = None
            elif reference.name in self.resources and self.resources[reference.name] is None:
                # Added, or replaced: not yet.
                source = "ResourceReference" if reference.attribute is None else "ResourceAttribute"
                uses[source, str(reference)] = None
        return list(uses)

    def other_details(
        self, logical_id: str, resource_type: ResourceType, deployed: Deployed, found: Sequence[Detail]
    ) -> list[Detail]:
        written = self.template.resources[logical_id]
        details = [
            Detail(attribute, None, "Never", "Static", "DirectModification")
            for attribute in OTHER_ATTRIBUTES
            if written.get(attribute) != deployed.source.get(attribute)
        ]
        is_tagged = "Tags" in resource_type.properties and not any(detail.attribute == "Tags" for detail in found)
        if self.tags_change and is_tagged:
            details.append(Detail("Tags", None, "Never", "Static", "DirectModification"))
        if deployed.type == NESTED_STACK and not found:
            # Its template may have changed behind its URL; nobody knows before it is asked.
            details.append(Detail("Properties", None, "Never", "Dynamic", "Automatic"))
        return details

    def removal(self, logical_id: str) -> Change:
        deployed = self.before.resources[logical_id]
        policy = deployed.source.get("DeletionPolicy", "Delete")
        policy = "Retain" if policy == "RetainExceptOnCreate" else policy
        return Change("Remove", logical_id, deployed.type, deployed.physical_id, policy_action=policy)


def uses_as_details(target: tuple[str, str | None, str], uses: Collection[tuple[str, str]]) -> list[Detail]:
    """A changed parameter's value is known (Static), a changed resource's is not (Dynamic)."""
    return [
        Detail(*target, "Static" if source == "ParameterReference" else "Dynamic", source, entity)
        for source, entity in uses
    ]


def _replacement(details: Sequence[Detail]) -> str:
    if any(detail.requires_recreation == "Always" and detail.evaluation == "Static" for detail in details):
        return "True"
    if any(detail.requires_recreation != "Never" for detail in details):
        return "Conditional"
    return "False"
