"""Instance profiles: a name that holds at most one role."""

from msgspec.structs import replace

from pileus.services.iam import state
from pileus.services.iam.errors import DeleteConflict, EntityAlreadyExists, NoSuchEntity, quota_exceeded
from pileus.services.iam.transitions.tagging import merged
from pileus.store.transaction import Transaction


def create(
    tx: Transaction, account: str, name: str, path: str, *, partition: str, tags: dict[str, str]
) -> state.InstanceProfile:
    if state.INSTANCE_PROFILES.has(tx, account, name.lower()):
        raise EntityAlreadyExists(f"Instance Profile {name} already exists.")
    if state.count(tx, state.INSTANCE_PROFILES, account) >= state.INSTANCE_PROFILES_PER_ACCOUNT:
        raise quota_exceeded("InstanceProfilesPerAccount", state.INSTANCE_PROFILES_PER_ACCOUNT)
    profile = state.InstanceProfile(
        account,
        name,
        path,
        state.unique_id(tx, "AIPA"),
        f"arn:{partition}:iam::{account}:instance-profile{path}{name}",
        tx.now_ms,
        tags=merged({}, tags),
    )
    state.INSTANCE_PROFILES.insert(tx, profile)
    return profile


def add_role(tx: Transaction, account: str, name: str, role_name: str) -> None:
    profile = state.require_profile(tx, account, name)
    role = state.require_modifiable(tx, "role", account, role_name)
    if profile.role:
        raise quota_exceeded("InstanceSessionsPerInstanceProfile", 1)
    state.INSTANCE_PROFILES.put(tx, replace(profile, role=role.name))


def remove_role(tx: Transaction, account: str, name: str, role_name: str) -> None:
    profile = state.require_profile(tx, account, name)
    role = state.require(tx, "role", account, role_name)
    if profile.role != role.name:
        raise NoSuchEntity(f"The role with name {role_name} cannot be found.")
    state.INSTANCE_PROFILES.put(tx, replace(profile, role=""))


def delete(tx: Transaction, account: str, name: str) -> None:
    profile = state.require_profile(tx, account, name)
    if profile.role:
        raise DeleteConflict("Cannot delete entity, must remove roles from instance profile first.")
    state.INSTANCE_PROFILES.delete(tx, account, profile.name.lower())
