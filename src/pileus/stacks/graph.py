"""Who waits for whom: the resources of a template, ordered by their references and DependsOn.

A resource whose condition is false is not in the graph; a DependsOn that names it is no wait (as CloudFormation has
it), while a reference to it is an error that evaluation reports.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from pileus.stacks.errors import ValidationError
from pileus.stacks.references import references_in
from pileus.stacks.template import Template


@dataclass(frozen=True)
class Graph:
    """`needs`: logical id -> those that must be there before it, in the template's order."""

    needs: Mapping[str, frozenset[str]]

    def ready(self, done: Collection[str], started: Collection[str] = ()) -> list[str]:
        """What can begin now. The executor starts all of these at once and asks again as each is done."""
        done = set(done)
        started = set(started) | done
        return [name for name, needs in self.needs.items() if name not in started and needs <= done]

    def reversed(self) -> "Graph":
        """For deletion: what nothing needs any more goes first."""
        users: dict[str, set[str]] = {name: set() for name in self.needs}
        for name, needs in self.needs.items():
            for needed in needs:
                users[needed].add(name)
        return Graph({name: frozenset(users[name]) for name in reversed(list(self.needs))})

    def only(self, names: Collection[str]) -> "Graph":
        """The graph of some of its resources; waits through those left out are kept."""
        names = set(names)
        reached: dict[str, frozenset[str]] = {}
        for name in self.order():
            near: set[str] = set()
            for needed in self.needs[name]:
                near |= {needed} if needed in names else reached[needed]
            reached[name] = frozenset(near)
        return Graph({name: reached[name] for name in self.needs if name in names})

    def order(self) -> list[str]:
        """One order in which they can be made, one at a time."""
        done: list[str] = []
        while ready := self.ready(done):
            done += ready
        assert len(done) == len(self.needs), "the graph has a cycle"
        return done


def included(template: Template, conditions: Mapping[str, bool]) -> list[str]:
    """The logical ids whose condition holds."""
    return [
        logical_id
        for logical_id, resource in template.resources.items()
        if resource.get("Condition") is None or conditions[resource["Condition"]]
    ]


def graph_of(template: Template, conditions: Mapping[str, bool]) -> Graph:
    """The graph of the resources whose condition holds. Raises ValidationError on a cycle."""
    names = set(included(template, conditions))
    needs: dict[str, frozenset[str]] = {}
    for logical_id in included(template, conditions):
        resource = template.resources[logical_id]
        depends_on = resource.get("DependsOn", [])
        wanted = set(depends_on if isinstance(depends_on, list) else [depends_on])
        evaluated = {key: value for key, value in resource.items() if key not in ("Metadata", "DependsOn", "Condition")}
        wanted |= {reference.name for reference in references_in(evaluated, conditions)}
        needs[logical_id] = frozenset(wanted & names)
    if cycle := _in_cycles(needs):
        raise ValidationError(f"Circular dependency between resources: [{', '.join(cycle)}]")
    return Graph(needs)


def _in_cycles(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """Those on a cycle: what is left when all that can be made, and all that nothing needs, is taken away."""
    left = {name: set(needed) for name, needed in needs.items()}
    while True:
        makeable = [name for name, needed in left.items() if not needed & left.keys()]
        used = {needed for others in left.values() for needed in others}
        unused = [name for name in left if name not in used]
        if not makeable and not unused:
            return list(left)
        for name in {*makeable, *unused}:
            del left[name]
