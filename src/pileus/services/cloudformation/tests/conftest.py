"""A cloud whose stacks are made of small things of our own, that can be told to fail or to take their time."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from pileus.kernel.errors import AwsError
from pileus.services.cloudformation.engine import engine_of
from pileus.services.cloudformation.resources import RESOURCE_TYPES
from pileus.stacks.property_types import TAGS, Property
from pileus.stacks.resource import Created, ResourceType, ResourceTypes, Updated


@dataclass
class Shelf:
    """The things there are: physical id -> properties. `log` tells every step in order."""

    things: dict[str, dict] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)
    ready_at_ms: dict[str, int] = field(default_factory=dict)
    """Logical id -> when its creation is done."""

    def step(self, what: str, name: str) -> None:
        self.log.append(f"{what} {name}")
        if f"{what} {name}" in self.failing:
            raise AwsError(f"{name} says no", code="NoLuck")


class FakeThing(ResourceType):
    name = "Test::Shelf::Thing"
    properties = {
        "Name": Property(str, replacement=True),
        "Color": Property(str),
        "Kind": Property(str, replacement=True),
        "Needs": Property([str]),
        "Tags": Property(TAGS),
    }
    attributes = ("Arn", "Color", "Tint")
    named_by = "Name"
    shelf: Any = None

    async def create(self, context, properties):
        name = properties.get("Name") or context.physical_name()
        self.shelf.step("create", context.logical_id)
        self.shelf.things[name] = {**properties, "tags": dict(context.tags)}
        if at_ms := self.shelf.ready_at_ms.get(context.logical_id):
            await context.initiated(name)

            async def is_ready() -> bool:
                return context.clock.now_ms() >= at_ms

            await context.wait_until(is_ready, at_most_ms=600_000)
        return Created(name, {"Arn": f"arn:thing:{name}", "Color": properties.get("Color", "none")})

    async def update(self, context, physical_id, old, new):
        self.shelf.step("update", context.logical_id)
        self.shelf.things[physical_id] = {**new, "tags": dict(context.tags)}
        tint = {"Tint": f"light {new['Color']}"} if "Color" in new else {}
        return Updated({"Arn": f"arn:thing:{physical_id}", "Color": new.get("Color", "none"), **tint})

    async def delete(self, context, physical_id, properties):
        self.shelf.step("delete", context.logical_id)
        self.shelf.things.pop(physical_id, None)


@pytest.fixture
async def shelf(cloud) -> Shelf:
    """Its types are the only ones beside CloudFormation's own."""
    shelf = Shelf()
    types = ResourceTypes([*RESOURCE_TYPES, FakeThing])
    types.get("Test::Shelf::Thing").shelf = shelf
    await cloud.pileus.service("cloudformation")
    engine_of(cloud.pileus)._types = types
    return shelf


async def status_of(cloud, name: str = "shop") -> str:
    return (await cloud.cloudformation.DescribeStacks(StackName=name))["Stacks"][0]["StackStatus"]


async def story(cloud, name: str = "shop") -> list[str]:
    """The events in their order: "Logical STATUS"."""
    events = (await cloud.cloudformation.DescribeStackEvents(StackName=name))["StackEvents"]
    return [f"{event['LogicalResourceId']} {event['ResourceStatus']}" for event in reversed(events)]


def thing(**properties: Any) -> dict:
    members = {
        name: properties.pop(name) for name in ("DependsOn", "DeletionPolicy", "Condition") if name in properties
    }
    return {"Type": "Test::Shelf::Thing", "Properties": properties, **members}
