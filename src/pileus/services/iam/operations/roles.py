"""Roles, their trust policies and tags."""

from pileus.kernel import tags as kernel_tags
from pileus.kernel.arn import partition_of
from pileus.kernel.call import Call
from pileus.services.iam import state
from pileus.services.iam.paging import after_key, page, path_filter
from pileus.services.iam.shapes import role_out
from pileus.services.iam.transitions import identities, tagging
from pileus.store.transaction import Transaction


async def create_role(call: Call, request: dict) -> dict:
    """Make a role that those whom its trust policy names may assume.

    errors   EntityAlreadyExists, LimitExceeded, MalformedPolicyDocument, NoSuchEntity (its boundary), InvalidInput
    source   IAM API reference, CreateRole
    """
    tagging.check_no_duplicates(request.get("Tags", []))
    role = await call.write(
        identities.create_role,
        call.account,
        request["RoleName"],
        request.get("Path", "/"),
        partition=partition_of(call.region),
        trust=request["AssumeRolePolicyDocument"],
        description=request.get("Description", ""),
        max_session_s=request.get("MaxSessionDuration", 3_600),
        boundary=request.get("PermissionsBoundary", ""),
        tags=kernel_tags.from_list(request.get("Tags")),
    )
    return {"Role": role_out(role)}


async def get_role(call: Call, request: dict) -> dict:
    """Describe a role. errors  NoSuchEntity"""
    return {"Role": role_out(await call.read(state.require, "role", call.account, request["RoleName"]))}


async def list_roles(call: Call, request: dict) -> dict:
    """List roles below a path, by name. Without boundaries and tags, as the reference says."""

    def rows(tx: Transaction, after: str | None):
        return state.ROLES.scan(tx, call.account, after=after)

    roles, rest = await page(
        call,
        request,
        rows,
        key=lambda role: role.name.lower(),
        out=lambda tx, role: role_out(role, listed=True),
        keep=path_filter(request),
    )
    return {"Roles": roles} | rest


async def update_role(call: Call, request: dict) -> dict:
    """Change a role's description or longest session. errors  NoSuchEntity, UnmodifiableEntity"""
    await call.write(
        identities.update_role,
        call.account,
        request["RoleName"],
        description=request.get("Description"),
        max_session_s=request.get("MaxSessionDuration"),
    )
    return {}


async def update_role_description(call: Call, request: dict) -> dict:
    """The older way to change a description. errors  NoSuchEntity, UnmodifiableEntity"""
    role = await call.write(
        identities.update_role, call.account, request["RoleName"], description=request["Description"]
    )
    return {"Role": role_out(role)}


async def update_assume_role_policy(call: Call, request: dict) -> None:
    """Replace a role's trust policy.

    errors   NoSuchEntity, MalformedPolicyDocument, LimitExceeded, UnmodifiableEntity
    """
    await call.write(identities.update_trust, call.account, request["RoleName"], request["PolicyDocument"])


async def delete_role(call: Call, request: dict) -> None:
    """Delete a role that has no policies and is in no instance profile. Its sessions lose their permissions at once.

    errors   NoSuchEntity, DeleteConflict, UnmodifiableEntity
    """
    await call.write(identities.delete_role, call.account, request["RoleName"])


async def tag_role(call: Call, request: dict) -> None:
    """Add tags or change their values. errors  NoSuchEntity, InvalidInput, LimitExceeded"""
    tagging.check_no_duplicates(request["Tags"])
    await call.write(_tag, call.account, request["RoleName"], kernel_tags.from_list(request["Tags"]))


async def untag_role(call: Call, request: dict) -> None:
    """Remove tags; those that are not there are no error. errors  NoSuchEntity"""
    await call.write(_untag, call.account, request["RoleName"], request["TagKeys"])


async def list_role_tags(call: Call, request: dict) -> dict:
    """A role's tags, by key. errors  NoSuchEntity"""

    def rows(tx: Transaction, after: str | None):
        tags = state.require(tx, "role", call.account, request["RoleName"]).tags
        return after_key(kernel_tags.to_list(tags), after, lambda tag: tag["Key"])

    tags, rest = await page(call, request, rows, key=lambda tag: tag["Key"], out=lambda tx, tag: tag)
    return {"Tags": tags} | rest


def _tag(tx: Transaction, account: str, name: str, tags: dict[str, str]) -> None:
    tagging.tag(tx, state.ROLES, state.require_modifiable(tx, "role", account, name), tags)


def _untag(tx: Transaction, account: str, name: str, keys: list[str]) -> None:
    tagging.untag(tx, state.ROLES, state.require_modifiable(tx, "role", account, name), keys)
