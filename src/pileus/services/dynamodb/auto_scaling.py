"""Auto scaling of global tables: Application Auto Scaling keeps the settings, in each region; here is who asks it.

A replica of provisioned capacity needs write capacity that scales: what one region writes, all regions must take. The
settings of writes are mirrored to a new replica's region; a new global index of a global table gets settings of its own.

Source: developer guide, "Using DynamoDB global tables" ("Capacity mode"); API reference, UpdateTableReplicaAutoScaling. That
DynamoDB asks as AWSServiceRoleForDynamoDBReplication, what it mirrors, and a new index's settings were recorded on AWS in
October 2026. Of replicas of several accounts it asks as the same role of each account; AWS has a role of its own for that,
whose principal it doesn't document.
"""

from functools import partial
from typing import Any

from pileus.authn.linked_roles import DYNAMODB_REPLICATION
from pileus.kernel.call import Call
from pileus.kernel.principal import Principal, root
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.scalable import SERVICE, WRITE, Ask, Dimension, let_scale, settings_of
from pileus.services.dynamodb.state import replicas, tables
from pileus.services.dynamodb.state.records import TableRecord
from pileus.store.events import Event

NEW_INDEX = (1, 10)
NEW_INDEX_TARGET = 70.0
"""Percent. Within which bounds, and by what, the writes of a new index are scaled."""


class Asking:
    """Application Auto Scaling, asked as DynamoDB's service-linked role of the account that is meant:
    `asking.there(table.address)`."""

    def __init__(self, call: Call, principals: dict[str, Principal]) -> None:
        self._call = call
        self._principals = principals

    @classmethod
    async def begin(cls, call: Call, *tables: TableRecord, only_looks: bool = False) -> "Asking":
        """
        tables      whose accounts are meant beside the caller's
        only_looks  whoever looks needs no permission to make the role
        """
        principals = {}
        for account in dict.fromkeys((call.account, *(table.account for table in tables))):
            is_own = account == call.account
            there = call if is_own else _of_account(call, account)
            await DYNAMODB_REPLICATION.ensure(there, principal=None if is_own and not only_looks else root(account))
            principals[account] = await DYNAMODB_REPLICATION.session(there)
        return cls(call, principals)

    def there(self, address: Address) -> Ask:
        principal = self._principals[address.account]
        return partial(self._call.invoke, SERVICE, principal=principal, account=address.account, region=address.region)


def _of_account(call: Call, account: str) -> Call:
    return call.cloud.call(call.service, call.operation, principal=root(account), account=account, region=call.region)


async def scaled_writes(call: Call, table: TableRecord) -> frozenset[str]:
    """Of a table of provisioned capacity, what has write capacity that scales: "" and names of global indexes."""
    ask = (await Asking.begin(call, table)).there(table.address)
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
    members = {one.region: one for one in (table, *await call.read(replicas.others, table))}
    asking = await Asking.begin(call, *members.values())
    replica = members.get(event.payload.get("replica"))
    if replica is not None:
        here, there = asking.there(table.address), asking.there(replica.address)
        for name in ("", *(index.name for index in table.global_indexes)):
            await _mirror_one(here, Dimension(table.name, name, WRITE), there, Dimension(replica.name, name, WRITE))
    elif "index" in event.payload:
        for member in members.values():
            ask, of = asking.there(member.address), Dimension(member.name, event.payload["index"], WRITE)
            if (await settings_of(ask, of)).target is None:
                await let_scale(ask, of, NEW_INDEX, {"TargetValue": NEW_INDEX_TARGET})


async def _mirror_one(here: Ask, of: Dimension, there: Ask, as_of: Dimension) -> None:
    found = await settings_of(here, of)
    if found.target is not None and found.policies and (await settings_of(there, as_of)).target is None:
        bounds = found.target["MinCapacity"], found.target["MaxCapacity"]
        name = found.policies[0]["PolicyName"]
        await let_scale(there, as_of, bounds, found.tracking, "" if name == of.policy_name else name)
