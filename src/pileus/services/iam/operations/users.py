"""Users and their tags."""

from pileus.kernel import principal as principals
from pileus.kernel import tags as kernel_tags
from pileus.kernel.arn import partition_of
from pileus.kernel.call import Call
from pileus.services.iam import state
from pileus.services.iam.caller import user_name
from pileus.services.iam.paging import after_key, page, path_filter
from pileus.services.iam.shapes import moment, user_out
from pileus.services.iam.transitions import identities, tagging
from pileus.store.transaction import Transaction


async def create_user(call: Call, request: dict) -> dict:
    """Make a user, without any permission.

    errors   EntityAlreadyExists, LimitExceeded, NoSuchEntity (its boundary), InvalidInput (tags)
    source   IAM API reference, CreateUser
    """
    tagging.check_no_duplicates(request.get("Tags", []))
    user = await call.write(
        identities.create_user,
        call.account,
        request["UserName"],
        request.get("Path", "/"),
        partition=partition_of(call.region),
        boundary=request.get("PermissionsBoundary", ""),
        tags=kernel_tags.from_list(request.get("Tags")),
    )
    return {"User": user_out(user)}


async def get_user(call: Call, request: dict) -> dict:
    """Describe a user, the caller's own where none is named. The root has no name and no path.

    errors   NoSuchEntity
    source   IAM API reference, GetUser; for the root: recorded answers
    """
    name = user_name(call, request)
    if not name:
        root = principals.root(call.account, partition=partition_of(call.region))
        opened_ms = await call.write(state.opened_ms, call.account)
        return {"User": {"UserId": root.unique_id, "Arn": root.arn, "CreateDate": moment(opened_ms)}}
    return {"User": user_out(await call.read(state.require, "user", call.account, name))}


async def list_users(call: Call, request: dict) -> dict:
    """List users below a path, by name. Without boundaries and tags, as the reference says."""

    def rows(tx: Transaction, after: str | None):
        return state.USERS.scan(tx, call.account, after=after)

    users, rest = await page(
        call,
        request,
        rows,
        key=lambda user: user.name.lower(),
        out=lambda tx, user: user_out(user, listed=True),
        keep=path_filter(request),
    )
    return {"Users": users} | rest


async def update_user(call: Call, request: dict) -> None:
    """Rename a user or move it to another path. Its id, keys, groups and policies stay.

    errors   NoSuchEntity, EntityAlreadyExists
    """
    user = await call.read(state.require, "user", call.account, request["UserName"])
    await call.write(
        identities.rename,
        "user",
        call.account,
        user.name,
        new_name=request.get("NewUserName", user.name),
        new_path=request.get("NewPath", user.path),
    )


async def delete_user(call: Call, request: dict) -> None:
    """Delete a user that has nothing any more.

    errors   NoSuchEntity, DeleteConflict while it has policies, keys or groups
    """
    await call.write(identities.delete_user, call.account, request["UserName"])


async def tag_user(call: Call, request: dict) -> None:
    """Add tags or change their values. errors  NoSuchEntity, InvalidInput, LimitExceeded"""
    tagging.check_no_duplicates(request["Tags"])
    await call.write(_tag, call.account, request["UserName"], kernel_tags.from_list(request["Tags"]))


async def untag_user(call: Call, request: dict) -> None:
    """Remove tags; those that are not there are no error. errors  NoSuchEntity"""
    await call.write(_untag, call.account, request["UserName"], request["TagKeys"])


async def list_user_tags(call: Call, request: dict) -> dict:
    """A user's tags, by key. errors  NoSuchEntity"""

    def rows(tx: Transaction, after: str | None):
        tags = state.require(tx, "user", call.account, request["UserName"]).tags
        return after_key(kernel_tags.to_list(tags), after, lambda tag: tag["Key"])

    tags, rest = await page(call, request, rows, key=lambda tag: tag["Key"], out=lambda tx, tag: tag)
    return {"Tags": tags} | rest


def _tag(tx: Transaction, account: str, name: str, tags: dict[str, str]) -> None:
    tagging.tag(tx, state.USERS, state.require(tx, "user", account, name), tags)


def _untag(tx: Transaction, account: str, name: str, keys: list[str]) -> None:
    tagging.untag(tx, state.USERS, state.require(tx, "user", account, name), keys)
