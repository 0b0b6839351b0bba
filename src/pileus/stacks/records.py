"""The rows of stacks: what is there, what it should be, what is under way, what happened.

A stack's row says where it stands. What it should be is a blueprint: template, parameters and tags of one moment, never
changed once written, so that an update that fails goes back to the one before. An operation works towards a blueprint,
in phases; each resource's row says how far it has come in it. Everything that a killed process needs to go on is here.
"""

from typing import Any

import msgspec

from pileus.kernel.principal import Principal
from pileus.stacks.outputs import Output
from pileus.stacks.parameters import Parameter
from pileus.store.table import Index, Table

STACK_TYPE = "AWS::CloudFormation::Stack"

DELETED = "DELETE_COMPLETE"
IN_REVIEW = "REVIEW_IN_PROGRESS"

# The phases of an operation. A creation makes, or makes and removes; an update makes and cleans, or makes, undoes and
# cleans; a deletion removes.
MAKE, UNDO, CLEAN, REMOVE = "make", "undo", "clean", "remove"


class Stack(msgspec.Struct, frozen=True):
    """
    id            the ARN
    blueprint     id of what it is (or, while it is created, will be); "" in review
    operation     id of what is under way, or ""
    revision      counts the operations that changed it: a change set made for an earlier one is obsolete
    outputs       those of the blueprint, once it is made
    parent_id     the stack it is nested in
    """

    id: str
    account: str
    region: str
    name: str
    status: str
    created_ms: int
    reason: str = ""
    updated_ms: int | None = None
    deleted_ms: int | None = None
    blueprint: str = ""
    operation: str = ""
    revision: int = 0
    outputs: list[Output] = []
    role_arn: str = ""
    disable_rollback: bool = False
    timeout_minutes: int | None = None
    is_protected: bool = False
    parent_id: str = ""
    root_id: str = ""
    change_set_id: str = ""
    retain_except_on_create: bool = False
    creation_order: int = 0


class Blueprint(msgspec.Struct, frozen=True):
    """
    template   as given, its short forms and all
    expanded   its body after the transforms
    imports    names of the exports it uses
    """

    stack_id: str
    id: str
    template: str
    expanded: dict[str, Any]
    parameters: dict[str, Parameter]
    tags: dict[str, str]
    capabilities: list[str]
    imports: list[str] = []
    description: str | None = None
    had_transforms: bool = False


class Operation(msgspec.Struct, frozen=True):
    """
    kind         create, update or delete
    actor        who asked: steps act as they, or as a session of role_arn
    target       the blueprint worked towards; previous: the one to go back to
    on_failure   ROLLBACK, DELETE or DO_NOTHING
    deadline_ms  a creation's TimeoutInMinutes, or 0
    turned_back  why it goes back to where it came from: cancelled, timed out, or "" (also when a resource failed)
    failed       logical id -> create, update or delete, of what failed in this phase
    ended_as     the stack's status at the end, "" while under way
    left_out     logical ids that this deletion retains, or this continued rollback skips
    """

    stack_id: str
    id: str
    kind: str
    phase: str
    actor: Principal
    started_ms: int
    role_arn: str = ""
    target: str = ""
    previous: str = ""
    client_token: str = ""
    on_failure: str = "ROLLBACK"
    deadline_ms: int = 0
    turned_back: str = ""
    failed: dict[str, str] = {}
    ended_as: str = ""
    left_out: list[str] = []
    is_forced: bool = False
    retain_except_on_create: bool = False
    request: str = ""


class Image(msgspec.Struct, frozen=True):
    """A resource as it was before an update touched it.

    source      its member of the template
    properties  evaluated and coerced; dynamic references as written
    """

    type: str
    physical_id: str
    token: str
    source: dict[str, Any]
    properties: dict[str, Any]
    attributes: dict[str, Any] = {}
    reference: str | None = None


class Resource(msgspec.Struct, frozen=True):
    """
    token         of the physical resource that is or will be: `ResourceContext.token`
    begun_in      the "<operation>/<phase>" that began the step under way, or the last one
    done_in       the one that is done with it
    touched_in    the operation that last changed it, and `before` what it was then; None: it was not there
    step_began_ms of the step under way, however often it was run
    """

    stack_id: str
    logical_id: str
    type: str
    status: str
    updated_ms: int
    token: str = ""
    reason: str = ""
    physical_id: str = ""
    reference: str | None = None
    attributes: dict[str, Any] = {}
    source: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    done_in: str = ""
    touched_in: str = ""
    before: Image | None = None
    begun_in: str = ""
    step_began_ms: int = 0

    @property
    def is_there(self) -> bool:
        """Something was made, or may have been."""
        return self.status not in (DELETED, "DELETE_SKIPPED") and bool(self.physical_id)

    def image(self) -> Image:
        return Image(
            self.type, self.physical_id, self.token, self.source, self.properties, self.attributes, self.reference
        )


class Leftover(msgspec.Struct, frozen=True):
    """A physical resource that an update replaced or removed, or made in vain: deleted in the phase CLEAN.

    is_row  the resource's row goes with it: the template does not name it any more
    policy  Delete, Retain or Snapshot
    """

    stack_id: str
    logical_id: str
    image: Image
    policy: str
    is_row: bool
    step_began_ms: int = 0


class StackEvent(msgspec.Struct, frozen=True):
    stack_id: str
    number: int
    id: str
    logical_id: str
    physical_id: str
    type: str
    status: str
    at_ms: int
    reason: str = ""
    properties: dict[str, Any] | None = None
    client_token: str = ""


class Export(msgspec.Struct, frozen=True):
    account: str
    region: str
    name: str
    value: str
    stack_id: str


class Import(msgspec.Struct, frozen=True):
    account: str
    region: str
    name: str
    stack_id: str


def _name_if_live(stack: Stack) -> tuple | None:
    return None if stack.status == DELETED else (stack.account, stack.region, stack.name)


STACKS = Table(
    "stacks.stack",
    Stack,
    key=lambda row: (row.id,),
    by_name=Index(_name_if_live),
    by_creation=Index(lambda row: (row.account, row.region, row.creation_order)),
)
BLUEPRINTS = Table("stacks.blueprint", Blueprint, key=lambda row: (row.stack_id, row.id))
OPERATIONS = Table(
    "stacks.operation",
    Operation,
    key=lambda row: (row.stack_id, row.id),
    by_token=Index(lambda row: (row.stack_id, row.client_token, row.id) if row.client_token else None),
)
RESOURCES = Table("stacks.resource", Resource, key=lambda row: (row.stack_id, row.logical_id))
LEFTOVERS = Table(
    "stacks.leftover", Leftover, key=lambda row: (row.stack_id, row.logical_id, row.image.physical_id, row.image.token)
)
EVENTS = Table("stacks.event", StackEvent, key=lambda row: (row.stack_id, row.number))
EXPORTS = Table("stacks.export", Export, key=lambda row: (row.account, row.region, row.name))
IMPORTS = Table("stacks.import", Import, key=lambda row: (row.account, row.region, row.name, row.stack_id))
OF_A_STACK = (BLUEPRINTS, OPERATIONS, RESOURCES, LEFTOVERS, EVENTS)
