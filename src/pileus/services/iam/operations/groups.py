"""Groups and who is in them."""

from pileus.kernel.arn import partition_of
from pileus.kernel.call import Call
from pileus.services.iam import state
from pileus.services.iam.paging import after_key, page, path_filter
from pileus.services.iam.shapes import group_out, user_out
from pileus.services.iam.transitions import identities
from pileus.store.transaction import Transaction


async def create_group(call: Call, request: dict) -> dict:
    """Make a group. errors  EntityAlreadyExists, LimitExceeded"""
    group = await call.write(
        identities.create_group,
        call.account,
        request["GroupName"],
        request.get("Path", "/"),
        partition=partition_of(call.region),
    )
    return {"Group": group_out(group)}


async def get_group(call: Call, request: dict) -> dict:
    """Describe a group and list its users, by name. errors  NoSuchEntity"""
    group = await call.read(state.require, "group", call.account, request["GroupName"])

    def rows(tx: Transaction, after: str | None):
        return state.MEMBERSHIPS.scan(tx, call.account, group.name.lower(), after=after)

    users, rest = await page(
        call,
        request,
        rows,
        key=lambda row: row.user.lower(),
        out=lambda tx, row: user_out(state.require(tx, "user", call.account, row.user), listed=True),
    )
    return {"Group": group_out(group), "Users": users} | rest


async def list_groups(call: Call, request: dict) -> dict:
    """List groups below a path, by name."""

    def rows(tx: Transaction, after: str | None):
        return state.GROUPS.scan(tx, call.account, after=after)

    groups, rest = await page(
        call,
        request,
        rows,
        key=lambda group: group.name.lower(),
        out=lambda tx, group: group_out(group),
        keep=path_filter(request),
    )
    return {"Groups": groups} | rest


async def list_groups_for_user(call: Call, request: dict) -> dict:
    """The groups that a user is in. errors  NoSuchEntity"""

    def rows(tx: Transaction, after: str | None):
        user = state.require(tx, "user", call.account, request["UserName"])
        groups = [state.require(tx, "group", call.account, name) for name in user.groups]
        return after_key(groups, after, lambda group: group.name)

    groups, rest = await page(call, request, rows, key=lambda group: group.name, out=lambda tx, group: group_out(group))
    return {"Groups": groups} | rest


async def update_group(call: Call, request: dict) -> None:
    """Rename a group or move it to another path; its users and policies stay.

    errors   NoSuchEntity, EntityAlreadyExists
    """
    group = await call.read(state.require, "group", call.account, request["GroupName"])
    await call.write(
        identities.rename,
        "group",
        call.account,
        group.name,
        new_name=request.get("NewGroupName", group.name),
        new_path=request.get("NewPath", group.path),
    )


async def delete_group(call: Call, request: dict) -> None:
    """Delete a group without users and policies. errors  NoSuchEntity, DeleteConflict"""
    await call.write(identities.delete_group, call.account, request["GroupName"])


async def add_user_to_group(call: Call, request: dict) -> None:
    """Add a user to a group. errors  NoSuchEntity, LimitExceeded beyond ten groups"""
    await call.write(identities.add_to_group, call.account, request["GroupName"], request["UserName"])


async def remove_user_from_group(call: Call, request: dict) -> None:
    """Take a user out of a group. errors  NoSuchEntity"""
    await call.write(identities.remove_from_group, call.account, request["GroupName"], request["UserName"])
