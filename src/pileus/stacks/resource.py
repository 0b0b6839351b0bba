"""What a CloudFormation resource type is: the interface that `services/<name>/resources.py` implements.

    class Queue(ResourceType):
        name = "AWS::SQS::Queue"
        properties = {"QueueName": Property(str, replacement=True), "DelaySeconds": Property(int)}
        attributes = ("Arn", "QueueName", "QueueUrl")

        async def create(self, context, properties):
            name = properties.get("QueueName") or context.physical_name(max_length=80)
            queue = await context.invoke("sqs", "CreateQueue", {"QueueName": name})
            return Created(queue["QueueUrl"], {...})

    RESOURCE_TYPES = [Queue]

The invariant that everything rests on: **each step may run again**. The executor writes down that a step begins, runs
it, writes down what came of it; killed in between, it runs it again. So

- `create` makes what has a name of the context's choice (`physical_name`, `client_token`: the same every time for the
  same attempt) and takes it as its own if it is there already;
- `update` brings the resource to `new`, from wherever it is;
- `delete` succeeds when there is nothing left to delete (`context.invoke_unless_gone`).

A type acts only through public operations, as the stack's principal: it is authorized like anyone.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar

from pileus.kernel.clock import Clock
from pileus.kernel.errors import AwsError, NotImplementedByUs
from pileus.kernel.ids import UPPER
from pileus.stacks.property_types import InvalidProperty, NotHonoured, Property, coerce

__all__ = [
    "Created",
    "Gone",
    "InvalidProperty",
    "NotHonoured",
    "NotStabilized",
    "Property",
    "ResourceContext",
    "ResourceType",
    "StillWaiting",
    "Updated",
]

TOKEN_CHARACTERS = 12
FIRST_PAUSE_MS = 20
"""Most things come to rest almost at once: the first looks come soon after each other."""

Invoke = Callable[..., Awaitable[dict]]
"""(service, operation, request) -> response, as the stack's principal; `region=`: in another than the stack's."""


@dataclass(frozen=True)
class Created:
    """`physical_id` is what Ref gives (unless `reference` says otherwise) and what DescribeStackResources shows."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    reference: str | None = None


@dataclass(frozen=True)
class Updated:
    """Attributes as they are after the update. A `physical_id` other than before means: the old one is to be deleted
    when the update has succeeded (custom resources do that)."""

    attributes: Mapping[str, Any] = field(default_factory=dict)
    physical_id: str | None = None
    reference: str | None = None


class Gone(AwsError):
    """The resource that was to be updated or read is not there any more."""

    code = "NotFound"

    def __init__(self, physical_id: str) -> None:
        super().__init__(f"Resource {physical_id} does not exist.")


class StillWaiting(Exception):
    """A step can't go on before `until_ms`, or before something wakes its stack: it is run again then.

    For what may take long (a nested stack, a custom resource's answer), so that nothing is held in memory meanwhile.
    """

    def __init__(self, until_ms: int) -> None:
        super().__init__(f"until {until_ms}")
        self.until_ms = until_ms


class NotStabilized(AwsError):
    """A resource did not come to rest in time."""

    code = "NotStabilized"
    text = "Resource did not stabilize."


async def _tell_nobody(physical_id: str) -> None:
    pass


@dataclass(frozen=True)
class ResourceContext:
    """One step on one resource of one stack.

    token       made once when the resource was planned and kept with the step: a new one for a replacement, the same
                when a killed step runs again
    tags        the stack's own tags and aws:cloudformation:stack-name, stack-id, logical-id
    invoke      acts as the stack's role, or as who created the stack
    began_ms    when the executor began this step, however often it has run since; 0: there is no executor behind it
    step        names this step among all of its stack, the same however often it runs
    letters     addresses where the outside can answer a step that waits (letters.py)
    resource_type  its type as the template names it: Custom::… types are one type with many names
    initiated   tells what the thing being created is called as soon as that is known: should the creation fail, it is
                known what to delete
    """

    account: str
    region: str
    partition: str
    stack_name: str
    stack_id: str
    logical_id: str
    token: str
    clock: Clock
    invoke: Invoke
    tags: Mapping[str, str] = field(default_factory=dict)
    began_ms: int = 0
    step: str = ""
    letters: Any = None
    resource_type: str = ""
    initiated: Callable[[str], Awaitable[None]] = _tell_nobody

    def physical_name(self, max_length: int = 255, *, lower: bool = False, separator: str = "-") -> str:
        """<stack>-<logical id>-<12 characters>, cut to fit. The same every time for the same token.

        Source: user guide, "Name type". The end is what makes it unique, so it is the front that is cut.
        """
        digest = int.from_bytes(hashlib.sha256(f"{self.stack_id}/{self.logical_id}/{self.token}".encode()).digest())
        end = ""
        for _ in range(TOKEN_CHARACTERS):
            digest, index = divmod(digest, len(UPPER))
            end += UPPER[index]
        room = max_length - TOKEN_CHARACTERS - 2 * len(separator)
        assert room >= 2, "a name of that length can't hold its unique end"
        stack, logical_id = self.stack_name, self.logical_id
        if len(stack) + len(logical_id) > room:
            # Half each; what one does not need the other gets.
            stack = stack[: max(room // 2, room - len(logical_id))]
            logical_id = logical_id[: room - len(stack)]
        name = separator.join([stack.rstrip("-"), logical_id, end])
        return name.lower() if lower else name

    @property
    def client_token(self) -> str:
        """For operations that take one, so that asking twice makes one. 64 hexadecimal digits."""
        return hashlib.sha256(f"{self.stack_id}/{self.logical_id}/{self.token}/client".encode()).hexdigest()

    @property
    def step_token(self) -> str:
        """As client_token, but another one for each step on the resource. 64 hexadecimal digits."""
        return hashlib.sha256(f"{self.stack_id}/{self.logical_id}/{self.token}/{self.step}".encode()).hexdigest()

    def tags_with(self, properties_tags: list[dict] | None) -> dict[str, str]:
        """The stack's tags under the resource's own, which win."""
        return {**self.tags, **{tag["Key"]: tag["Value"] for tag in properties_tags or []}}

    def in_region(self, region: str) -> "ResourceContext":
        """The same step, acting in another region: for the few types that have parts in several."""
        return replace(self, region=region, invoke=partial(self.invoke, region=region))

    async def invoke_unless_gone(
        self, service: str, operation: str, request: dict, *, gone: tuple[str, ...]
    ) -> dict | None:
        """The response, or None where the service says with one of the codes `gone` that there is no such thing."""
        try:
            return await self.invoke(service, operation, request)
        except AwsError as error:
            if error.code in gone:
                return None
            raise

    async def wait_until(self, is_done: Callable[[], Awaitable[bool]], *, every_ms: int = 200, at_most_ms: int) -> None:
        """Ask until it is so. By the one clock: a clock moved forward makes the time pass.

        While the clock stands still the step is put off and runs again from its start: whoever moves the clock waits
        until nothing is under way, and would wait for us.
        """
        deadline_ms = (self.began_ms or self.clock.now_ms()) + at_most_ms
        pause_ms = min(FIRST_PAUSE_MS, every_ms)
        while not await is_done():
            now_ms = self.clock.now_ms()
            if now_ms >= deadline_ms:
                raise NotStabilized()
            again_ms = min(now_ms + pause_ms, deadline_ms)
            if self.began_ms and self.clock.frozen_at_ms is not None:
                raise StillWaiting(again_ms)
            await self.clock.wait_until(again_ms)
            pause_ms = min(pause_ms * 2, every_ms)


class ResourceType:
    """One type. Without state: the registry makes one object of each class.

    name           AWS::Service::Thing
    properties     all that CloudFormation documents: honoured (Property) or not (NotHonoured)
    attributes     those of Fn::GetAtt; a name that ends in ".*" stands for whatever is below it
    named_by       the property with which a template may name it
    snapshots      DeletionPolicy: Snapshot is possible
    timeout_s      how long a step may take before it fails with "Resource creation timed out"
    """

    name: ClassVar[str]
    properties: ClassVar[Mapping[str, Property | NotHonoured]] = {}
    attributes: ClassVar[tuple[str, ...]] = ()
    named_by: ClassVar[str] = ""
    has_any_property: ClassVar[bool] = False
    """Custom resources: their properties are their own affair."""
    snapshots: ClassVar[bool] = False
    timeout_s: ClassVar[int] = 3_600

    def coerced(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Checked and in their declared types. Raises InvalidProperty."""
        if self.has_any_property:
            return dict(properties)
        out = coerce(properties, self.properties, self.name)
        self.check(out)
        return out

    def check(self, properties: dict[str, Any]) -> None:
        """What holds between properties (one of two, not both). Raise InvalidProperty. Values may be Unknown."""

    def supports_attribute(self, attribute: str) -> bool:
        return any(
            attribute == name or (name.endswith(".*") and attribute.startswith(name[:-1])) for name in self.attributes
        )

    def requires_recreation(self, property_name: str) -> str:
        """Never, Conditionally or Always, as change sets print it."""
        declared = self.properties.get(property_name)
        return "Never" if declared is None else declared.requires_recreation

    def replaces(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Whether going from `old` to `new` needs a new resource. Override where a property is "conditional"."""
        changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        return any(self.requires_recreation(name) == "Always" for name in changed)

    def check_replaceable(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Raise InvalidProperty where another resource would have the name of the one there is.

        Source: CloudFormation user guide, "Update behaviors of stack resources" ("Replacement"); template reference,
        "Name type": "you can't perform updates that require replacement of this resource".
        """
        name = new.get(self.named_by)
        if name is not None and name == old.get(self.named_by):
            raise InvalidProperty(
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
                f"Rename {name} and update the stack again."
            )

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        raise NotImplementedByUs(f"the creation of {self.name}")

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated | None:
        """Bring it to `new` in place. None: its attributes are what they were."""
        raise NotImplementedByUs(f"updates of {self.name}")

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        raise NotImplementedByUs(f"the deletion of {self.name}")

    async def read(self, context: ResourceContext, physical_id: str) -> dict[str, Any]:
        """Its properties as they are now, for drift and import. Raises Gone."""
        raise NotImplementedByUs(f"drift detection of {self.name}")


class ResourceTypes:
    """All types there are, by name."""

    def __init__(self, types: list[type[ResourceType]]) -> None:
        self._types: dict[str, ResourceType] = {}
        for each in types:
            assert each.name not in self._types, f"{each.name} is written twice"
            self._types[each.name] = each()

    def get(self, name: str) -> ResourceType | None:
        """A Custom::… type is the type AWS::CloudFormation::CustomResource."""
        if name.startswith("Custom::"):
            name = "AWS::CloudFormation::CustomResource"
        return self._types.get(name)

    def names(self) -> list[str]:
        return list(self._types)

    def supports_attribute(self, type_name: str, attribute: str) -> bool:
        """For references.check_references. A type nobody wrote is another check's to report."""
        known = self.get(type_name)
        return known is None or known.supports_attribute(attribute)
