"""Users, groups and roles: made, renamed, tagged, joined and deleted.

Other rows spell a user's or group's name (memberships, attachments, access keys), so a rename writes them anew.
"""

from msgspec.structs import replace

from pileus.services.iam import documents, state
from pileus.services.iam.errors import DeleteConflict, EntityAlreadyExists, quota_exceeded
from pileus.services.iam.transitions.boundaries import check_boundary
from pileus.services.iam.transitions.tagging import merged
from pileus.store.transaction import Transaction


def create_user(
    tx: Transaction, account: str, name: str, path: str, *, partition: str, boundary: str, tags: dict[str, str]
) -> state.User:
    _check_new(tx, "user", account, name)
    user = state.User(
        account,
        name,
        path,
        state.unique_id(tx, "AIDA"),
        f"arn:{partition}:iam::{account}:user{path}{name}",
        tx.now_ms,
        boundary=boundary,
        tags=merged({}, tags),
    )
    _limit(tx, user, "user", boundary)
    state.USERS.insert(tx, user)
    return user


def create_group(tx: Transaction, account: str, name: str, path: str, *, partition: str) -> state.Group:
    _check_new(tx, "group", account, name)
    group = state.Group(
        account,
        name,
        path,
        state.unique_id(tx, "AGPA"),
        f"arn:{partition}:iam::{account}:group{path}{name}",
        tx.now_ms,
    )
    state.GROUPS.insert(tx, group)
    return group


def create_role(
    tx: Transaction,
    account: str,
    name: str,
    path: str,
    *,
    partition: str,
    trust: str,
    description: str = "",
    max_session_s: int = 3_600,
    boundary: str = "",
    tags: dict[str, str] | None = None,
    service: str = "",
    attached: tuple[str, ...] = (),
) -> state.Role:
    """service  of a service-linked role;  attached  ARNs of AWS's policies that it is made with"""
    documents.check_trust(tx, trust)
    _check_new(tx, "role", account, name)
    role = state.Role(
        account,
        name,
        path,
        state.unique_id(tx, "AROA"),
        f"arn:{partition}:iam::{account}:role{path}{name}",
        tx.now_ms,
        trust,
        description=description,
        max_session_s=max_session_s,
        boundary=boundary,
        tags=merged({}, tags or {}),
        service=service,
        attached=attached,
    )
    _limit(tx, role, "role", boundary)
    state.ROLES.insert(tx, role)
    for arn in attached:
        state.ATTACHMENTS.put(tx, state.Attachment(account, arn, "permissions", "role", name))
    return role


def _check_new(tx: Transaction, kind: str, account: str, name: str) -> None:
    table = state.IDENTITIES[kind]
    if table.has(tx, account, name.lower()):
        raise EntityAlreadyExists(f"{kind.capitalize()} with name {name} already exists.")
    quota, limit = state.QUOTAS[kind]
    if state.count(tx, table, account) >= limit:
        raise quota_exceeded(quota, limit)


def _limit(tx: Transaction, owner: state.User | state.Role, kind: str, boundary: str) -> None:
    if boundary:
        check_boundary(tx, owner.account, boundary)
        state.ATTACHMENTS.put(tx, state.Attachment(owner.account, boundary, "boundary", kind, owner.name))


def update_role(
    tx: Transaction, account: str, name: str, *, description: str | None = None, max_session_s: int | None = None
) -> state.Role:
    role = state.require_modifiable(tx, "role", account, name)
    if description is not None:
        role = replace(role, description=description)
    if max_session_s is not None:
        role = replace(role, max_session_s=max_session_s)
    state.ROLES.put(tx, role)
    return role


def update_trust(tx: Transaction, account: str, name: str, document: str) -> None:
    role = state.require_modifiable(tx, "role", account, name)
    documents.check_trust(tx, document)
    state.ROLES.put(tx, replace(role, trust=document))


def rename(tx: Transaction, kind: str, account: str, name: str, *, new_name: str, new_path: str) -> None:
    """A user or group under another name or path; its id stays. Trust policies that name its old ARN do not follow."""
    record = state.require(tx, kind, account, name)
    table = state.IDENTITIES[kind]
    if new_name.lower() != name.lower() and table.has(tx, account, new_name.lower()):
        raise EntityAlreadyExists(f"{kind.capitalize()} with name {new_name} already exists.")
    head = record.arn.partition(f":{kind}/")[0]
    renamed = replace(record, name=new_name, path=new_path, arn=f"{head}:{kind}{new_path}{new_name}")
    table.delete(tx, account, name.lower())
    table.put(tx, renamed)
    usages = [("permissions", arn) for arn in record.attached]
    usages += [("boundary", record.boundary)] if kind == "user" and record.boundary else []
    for usage, arn in usages:
        state.ATTACHMENTS.delete(tx, account, arn, usage, kind, name.lower())
        state.ATTACHMENTS.put(tx, state.Attachment(account, arn, usage, kind, new_name))
    if kind == "user":
        _rename_user(tx, renamed, name)
    else:
        _rename_group(tx, renamed, name)


def _rename_user(tx: Transaction, user: state.User, old_name: str) -> None:
    for group in user.groups:
        state.MEMBERSHIPS.delete(tx, user.account, group.lower(), old_name.lower())
        state.MEMBERSHIPS.put(tx, state.Membership(user.account, group, user.name))
    for key in state.keys_of(tx, user.account, old_name):
        state.ACCESS_KEYS.put(tx, replace(key, user=user.name))


def _rename_group(tx: Transaction, group: state.Group, old_name: str) -> None:
    for user in state.members(tx, group.account, old_name):
        groups = tuple(group.name if name == old_name else name for name in user.groups)
        state.USERS.put(tx, replace(user, groups=groups))
        state.MEMBERSHIPS.delete(tx, group.account, old_name.lower(), user.name.lower())
        state.MEMBERSHIPS.put(tx, state.Membership(group.account, group.name, user.name))


def delete_user(tx: Transaction, account: str, name: str) -> None:
    user = state.require(tx, "user", account, name)
    _check_bare(user)
    if state.keys_of(tx, account, name):
        raise DeleteConflict("Cannot delete entity, must delete access keys first.")
    if user.groups:
        raise DeleteConflict("Cannot delete entity, must remove users from group first.")
    _forget(tx, user, "user")


def delete_group(tx: Transaction, account: str, name: str) -> None:
    group = state.require(tx, "group", account, name)
    if state.MEMBERSHIPS.first(tx, account, name.lower()) is not None:
        raise DeleteConflict("Cannot delete entity, must remove users from group first.")
    _check_bare(group)
    _forget(tx, group, "group")


def delete_role(tx: Transaction, account: str, name: str) -> None:
    role = state.require_modifiable(tx, "role", account, name)
    if state.INSTANCE_PROFILES.by_role.first(tx, account, name.lower()) is not None:
        raise DeleteConflict("Cannot delete entity, must remove roles from instance profile first.")
    _check_bare(role)
    _forget(tx, role, "role")


def delete_service_linked_role(tx: Transaction, account: str, name: str) -> str:
    """Returns the id of the deletion's task. The role goes at once: nothing here is kept by its service."""
    role = state.require(tx, "role", account, name)
    for arn in role.attached:
        state.ATTACHMENTS.delete(tx, account, arn, "permissions", "role", name.lower())
    _forget(tx, role, "role")
    task = state.DeletionTask(account, f"task{role.path}{name}/{tx.ids.uuid()}")
    state.DELETION_TASKS.insert(tx, task)
    return task.id


def was_deletion_task(tx: Transaction, account: str, task_id: str) -> bool:
    return state.DELETION_TASKS.has(tx, account, task_id)


def _check_bare(record: state.Identity) -> None:
    if record.attached:
        raise DeleteConflict("Cannot delete entity, must detach all policies first.")
    if record.inline:
        raise DeleteConflict("Cannot delete entity, must delete policies first.")


def _forget(tx: Transaction, record: state.Identity, kind: str) -> None:
    boundary = getattr(record, "boundary", "")
    if boundary:
        state.ATTACHMENTS.delete(tx, record.account, boundary, "boundary", kind, record.name.lower())
    state.IDENTITIES[kind].delete(tx, record.account, record.name.lower())


def add_to_group(tx: Transaction, account: str, group_name: str, user_name: str) -> None:
    group = state.require(tx, "group", account, group_name)
    user = state.require(tx, "user", account, user_name)
    if group.name in user.groups:
        return
    if len(user.groups) >= state.GROUPS_PER_USER:
        raise quota_exceeded("GroupsPerUser", state.GROUPS_PER_USER)
    state.USERS.put(tx, replace(user, groups=(*user.groups, group.name)))
    state.MEMBERSHIPS.put(tx, state.Membership(account, group.name, user.name))


def remove_from_group(tx: Transaction, account: str, group_name: str, user_name: str) -> None:
    """Removing who is no member is no error, as at AWS."""
    group = state.require(tx, "group", account, group_name)
    user = state.require(tx, "user", account, user_name)
    if group.name not in user.groups:
        return
    state.USERS.put(tx, replace(user, groups=tuple(name for name in user.groups if name != group.name)))
    state.MEMBERSHIPS.delete(tx, account, group.name.lower(), user.name.lower())
