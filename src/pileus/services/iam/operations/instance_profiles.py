"""Instance profiles: how an EC2 instance gets its role."""

from pileus.kernel import tags as kernel_tags
from pileus.kernel.arn import partition_of
from pileus.kernel.call import Call
from pileus.services.iam import state
from pileus.services.iam.paging import after_key, page, path_filter
from pileus.services.iam.shapes import profile_out
from pileus.services.iam.transitions import instance_profiles, tagging
from pileus.store.transaction import Transaction


async def create_instance_profile(call: Call, request: dict) -> dict:
    """Make an empty instance profile. errors  EntityAlreadyExists, LimitExceeded, InvalidInput"""
    tagging.check_no_duplicates(request.get("Tags", []))
    profile = await call.write(
        instance_profiles.create,
        call.account,
        request["InstanceProfileName"],
        request.get("Path", "/"),
        partition=partition_of(call.region),
        tags=kernel_tags.from_list(request.get("Tags")),
    )
    return {"InstanceProfile": await call.read(profile_out, profile)}


async def get_instance_profile(call: Call, request: dict) -> dict:
    """Describe an instance profile and its role. errors  NoSuchEntity"""
    profile = await call.read(state.require_profile, call.account, request["InstanceProfileName"])
    return {"InstanceProfile": await call.read(profile_out, profile)}


async def list_instance_profiles(call: Call, request: dict) -> dict:
    """List instance profiles below a path, by name."""

    def rows(tx: Transaction, after: str | None):
        return state.INSTANCE_PROFILES.scan(tx, call.account, after=after)

    return await _list(call, request, rows)


async def list_instance_profiles_for_role(call: Call, request: dict) -> dict:
    """The instance profiles that hold a role. errors  NoSuchEntity"""

    def rows(tx: Transaction, after: str | None):
        role = state.require(tx, "role", call.account, request["RoleName"])
        return state.INSTANCE_PROFILES.by_role.scan(tx, call.account, role.name.lower(), after=after)

    return await _list(call, request, rows)


async def add_role_to_instance_profile(call: Call, request: dict) -> None:
    """Put a role into a profile that has none. errors  NoSuchEntity, LimitExceeded, UnmodifiableEntity"""
    await call.write(instance_profiles.add_role, call.account, request["InstanceProfileName"], request["RoleName"])


async def remove_role_from_instance_profile(call: Call, request: dict) -> None:
    """Take the role out of a profile. errors  NoSuchEntity"""
    await call.write(instance_profiles.remove_role, call.account, request["InstanceProfileName"], request["RoleName"])


async def delete_instance_profile(call: Call, request: dict) -> None:
    """Delete an empty profile. errors  NoSuchEntity, DeleteConflict"""
    await call.write(instance_profiles.delete, call.account, request["InstanceProfileName"])


async def tag_instance_profile(call: Call, request: dict) -> None:
    """Add tags or change their values. errors  NoSuchEntity, InvalidInput, LimitExceeded"""
    tagging.check_no_duplicates(request["Tags"])
    await call.write(_tag, call.account, request["InstanceProfileName"], kernel_tags.from_list(request["Tags"]))


async def untag_instance_profile(call: Call, request: dict) -> None:
    """Remove tags; those that are not there are no error. errors  NoSuchEntity"""
    await call.write(_untag, call.account, request["InstanceProfileName"], request["TagKeys"])


async def list_instance_profile_tags(call: Call, request: dict) -> dict:
    """A profile's tags, by key. errors  NoSuchEntity"""

    def rows(tx: Transaction, after: str | None):
        tags = state.require_profile(tx, call.account, request["InstanceProfileName"]).tags
        return after_key(kernel_tags.to_list(tags), after, lambda tag: tag["Key"])

    tags, rest = await page(call, request, rows, key=lambda tag: tag["Key"], out=lambda tx, tag: tag)
    return {"Tags": tags} | rest


async def _list(call: Call, request: dict, rows) -> dict:
    profiles, rest = await page(
        call,
        request,
        rows,
        key=lambda profile: profile.name.lower(),
        out=lambda tx, profile: profile_out(tx, profile, listed=True),
        keep=path_filter(request),
    )
    return {"InstanceProfiles": profiles} | rest


def _tag(tx: Transaction, account: str, name: str, tags: dict[str, str]) -> None:
    tagging.tag(tx, state.INSTANCE_PROFILES, state.require_profile(tx, account, name), tags)


def _untag(tx: Transaction, account: str, name: str, keys: list[str]) -> None:
    tagging.untag(tx, state.INSTANCE_PROFILES, state.require_profile(tx, account, name), keys)
