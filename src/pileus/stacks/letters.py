"""Letterboxes: addresses where the outside answers a step that waits (custom resources, wait conditions).

AWS gives presigned URLs of a bucket of its own; ours lead to a route of the CloudFormation service. The secret in the
address is what lets somebody answer. A letter and the event that wakes its stack are one transaction.
"""

from typing import Any

import msgspec
from msgspec.structs import replace

from pileus.stacks import ledger
from pileus.store.table import Index, Table
from pileus.store.transaction import Transaction

PATH = "/-cloudformation/response/"
"""Where the service has its route."""
SECRET_CHARACTERS = 40
LETTER_BYTES = 4_096
"""Source: user guide, "Custom resource response objects"."""
MOST_LETTERS = 100


class Letterbox(msgspec.Struct, frozen=True):
    """`key` is unique within its stack; `is_asked`: the question that it waits for an answer to was sent."""

    stack_id: str
    key: str
    secret: str
    is_asked: bool = False


class Letter(msgspec.Struct, frozen=True):
    secret: str
    number: int
    body: bytes


LETTERBOXES = Table(
    "stacks.letterbox",
    Letterbox,
    key=lambda row: (row.stack_id, row.key),
    by_secret=Index(lambda row: (row.secret,)),
)
LETTERS = Table("stacks.letter", Letter, key=lambda row: (row.secret, row.number))


def open_box(tx: Transaction, stack_id: str, key: str) -> Letterbox:
    box = LETTERBOXES.get(tx, stack_id, key)
    if box is None:
        box = Letterbox(stack_id, key, tx.ids.token(SECRET_CHARACTERS))
        LETTERBOXES.put(tx, box)
    return box


def note_asked(tx: Transaction, stack_id: str, key: str) -> None:
    LETTERBOXES.put(tx, replace(LETTERBOXES.get(tx, stack_id, key), is_asked=True))


def deliver(tx: Transaction, secret: str, body: bytes) -> bool:
    """Put a letter in; False if there is no such box, or it is full."""
    box = LETTERBOXES.by_secret.first(tx, secret)
    if box is None or sum(1 for _ in LETTERS.scan(tx, secret)) >= MOST_LETTERS:
        return False
    LETTERS.put(tx, Letter(secret, tx.next_sequence(), body))
    if ledger.operation_of(tx, box.stack_id) is not None:
        ledger.call_executor(tx, box.stack_id)
    return True


def letters(tx: Transaction, secret: str) -> list[bytes]:
    return [letter.body for letter in LETTERS.scan(tx, secret)]


def drop_all(tx: Transaction, stack_id: str) -> None:
    """The stack is gone."""
    for box in list(LETTERBOXES.scan(tx, stack_id)):
        for letter in list(LETTERS.scan(tx, box.secret)):
            LETTERS.delete(tx, letter.secret, letter.number)
        LETTERBOXES.delete(tx, stack_id, box.key)


class Letters:
    """A stack's letterboxes, as its resource types reach them."""

    def __init__(self, cloud: Any, stack_id: str, region: str) -> None:
        self._cloud = cloud
        self._stack_id = stack_id
        self._region = region

    async def address(self, key: str) -> str:
        """Where anybody on this machine can answer."""
        box = await self._cloud.store.write(open_box, self._stack_id, key)
        return f"{self._cloud.endpoint}{PATH}{box.secret}"

    async def address_for_functions(self, key: str) -> str:
        """By a name of AWS, that leads here inside functions: AWS's own `cfn-response` speaks https to port 443 only."""
        box = await self._cloud.store.write(open_box, self._stack_id, key)
        host = (
            f"cloudformation-custom-resource-response-{self._region.replace('-', '')}.s3.{self._region}.amazonaws.com"
        )
        return f"https://{host}{PATH}{box.secret}"

    async def is_asked(self, key: str) -> bool:
        return (await self._cloud.store.write(open_box, self._stack_id, key)).is_asked

    async def note_asked(self, key: str) -> None:
        await self._cloud.store.write(note_asked, self._stack_id, key)

    async def at(self, address: str) -> list[bytes]:
        """What came to the address, in the order it came."""
        return await self._cloud.store.read(letters, address.rsplit("/", 1)[1])
