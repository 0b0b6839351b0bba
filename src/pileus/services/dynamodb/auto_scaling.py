"""Auto scaling of global tables: Application Auto Scaling keeps the settings, in each region; here is who asks it.

A replica of provisioned capacity needs write capacity that scales: what one region writes, all regions must take. The
settings of writes are mirrored to a new replica's region; a new global index of a global table gets settings of its own.

Source: developer guide, "Using DynamoDB global tables" ("Capacity mode"); API reference, UpdateTableReplicaAutoScaling. That
DynamoDB asks as AWSServiceRoleForDynamoDBReplication, what it mirrors, and a new index's settings were recorded on AWS in
October 2026.
"""

from functools import partial
from typing import Any

from pileus.authn.linked_roles import DYNAMODB_REPLICATION
from pileus.kernel.call import Call
from pileus.kernel.principal import Principal, root
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.scalable import SERVICE, WRITE, Ask, Dimension, let_scale, settings_of
from pileus.services.dynamodb.state import tables
from pileus.services.dynamodb.state.records import TableRecord
from pileus.store.events import Event

NEW_INDEX = (1, 10)
NEW_INDEX_TARGET = 70.0
"""Percent. Within which bounds, and by what, the writes of a new index are scaled."""


class Asking:
    """Application Auto Scaling, asked as DynamoDB's service-linked role: `asking.there(region)`."""

    def __init__(self, call: Call, principal: Principal) -> None:
        self._call = call
        self._principal = principal

    @classmethod
    async def begin(cls, call: Call, *, only_looks: bool = False) -> "Asking":
        """only_looks: whoever looks needs no permission to make the role."""
        await DYNAMODB_REPLICATION.ensure(call, principal=root(call.account) if only_looks else None)
        return cls(call, await DYNAMODB_REPLICATION.session(call))

    def there(self, region: str) -> Ask:
        return partial(self._call.invoke, SERVICE, principal=self._principal, region=region)


async def scaled_writes(call: Call, table: TableRecord) -> frozenset[str]:
    """Of a table of provisioned capacity, what has write capacity that scales: "" and names of global indexes."""
    ask = (await Asking.begin(call)).there(table.region)
    names = ("", *(index.name for index in table.global_indexes))
    found = [await settings_of(ask, Dimension(table.name, name, WRITE)) for name in names]
    return frozenset(name for name, one in zip(names, found, strict=True) if one.target is not None and one.policies)


# What follows from a change of the group


async def mirror(cloud: Any, event: Event) -> None:
    """Bring settings to a new replica's region, or make those of a new index in all of them; what somebody set meanwhile
    stays. The event's handler."""
    address = Address(*event.payload["table"])
    call = cloud.call(
        "dynamodb", "UpdateTable", principal=root(address.account), account=address.account, region=address.region
    )
    table = await call.read(tables.find, address)
    if table is None:
        return
    asking = await Asking.begin(call)
    if "replica" in event.payload:
        here, there = asking.there(table.region), asking.there(event.payload["replica"])
        for name in ("", *(index.name for index in table.global_indexes)):
            await _mirror_one(here, there, Dimension(table.name, name, WRITE))
        return
    of = Dimension(table.name, event.payload["index"], WRITE)
    for region in (table.region, *table.replicas):
        ask = asking.there(region)
        if (await settings_of(ask, of)).target is None:
            await let_scale(ask, of, NEW_INDEX, {"TargetValue": NEW_INDEX_TARGET})


async def _mirror_one(here: Ask, there: Ask, of: Dimension) -> None:
    found = await settings_of(here, of)
    if found.target is not None and found.policies and (await settings_of(there, of)).target is None:
        bounds = found.target["MinCapacity"], found.target["MaxCapacity"]
        await let_scale(there, of, bounds, found.tracking, found.policies[0]["PolicyName"])
