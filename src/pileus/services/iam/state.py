"""What IAM keeps: users, groups, roles, policies, instance profiles and access keys of an account.

IAM is global: keys begin with the account and have no region. Names are unique without regard to case and found with
regard to it, so a key holds the name folded and the record the name as it was given. A user, a group and a role keep
their inline policies and the ARNs of what is attached in their own record: the policies of a caller, which every
request asks for, are then a handful of gets.
"""

from collections.abc import Iterator

import msgspec

from pileus.authz import changed
from pileus.kernel.arn import parse_arn
from pileus.kernel.ids import BASE32
from pileus.services.iam import aws_managed
from pileus.services.iam.errors import NoSuchEntity, UnmodifiableEntity
from pileus.store.table import Index, Table
from pileus.store.transaction import Transaction

# Quotas. Source: IAM user guide, "IAM and AWS STS quotas"; the defaults, where an account may ask for more.
USERS_PER_ACCOUNT = 5_000
GROUPS_PER_ACCOUNT = 300
ROLES_PER_ACCOUNT = 1_000
POLICIES_PER_ACCOUNT = 1_500
INSTANCE_PROFILES_PER_ACCOUNT = 1_000
GROUPS_PER_USER = 10
ATTACHED_POLICIES = 10
"""Managed policies attached to one user, group or role."""
VERSIONS_PER_POLICY = 5
ACCESS_KEYS_PER_USER = 2
POLICY_CHARACTERS = 6_144
TRUST_POLICY_CHARACTERS = 2_048
INLINE_CHARACTERS = {"user": 2_048, "group": 5_120, "role": 10_240}
"""Of all inline policies of one together. White space does not count, here and in the two above."""


class User(msgspec.Struct, frozen=True):
    """groups    names, as they are spelled; attached  ARNs of managed policies; inline  policy name -> document"""

    account: str
    name: str
    path: str
    id: str
    arn: str
    created_ms: int
    groups: tuple[str, ...] = ()
    attached: tuple[str, ...] = ()
    inline: dict[str, str] = {}
    boundary: str = ""
    tags: dict[str, str] = {}


class Group(msgspec.Struct, frozen=True):
    account: str
    name: str
    path: str
    id: str
    arn: str
    created_ms: int
    attached: tuple[str, ...] = ()
    inline: dict[str, str] = {}


class Role(msgspec.Struct, frozen=True):
    """trust  the document that says who may assume it; service  of a service-linked role: who it is linked to"""

    account: str
    name: str
    path: str
    id: str
    arn: str
    created_ms: int
    trust: str
    description: str = ""
    max_session_s: int = 3_600
    attached: tuple[str, ...] = ()
    inline: dict[str, str] = {}
    boundary: str = ""
    tags: dict[str, str] = {}
    service: str = ""


class ManagedPolicy(msgspec.Struct, frozen=True):
    """document  the default version's, once more: whoever decides a request needs that one and no other"""

    account: str
    name: str
    path: str
    id: str
    arn: str
    created_ms: int
    updated_ms: int
    document: str
    default_version: int = 1
    next_version: int = 2
    description: str = ""
    tags: dict[str, str] = {}


class PolicyVersion(msgspec.Struct, frozen=True):
    account: str
    policy_id: str
    number: int
    document: str
    created_ms: int


class InstanceProfile(msgspec.Struct, frozen=True):
    """role  the name of its one role, or "" """

    account: str
    name: str
    path: str
    id: str
    arn: str
    created_ms: int
    role: str = ""
    tags: dict[str, str] = {}


class AccessKey(msgspec.Struct, frozen=True):
    """user  the name of its user; "": it is the account's root's"""

    id: str
    account: str
    user: str
    secret: str
    created_ms: int
    is_active: bool = True


class KeyUse(msgspec.Struct, frozen=True):
    """When an access key was last used, as far as it is written down; see usage.py."""

    id: str
    at_ms: int
    service: str
    region: str


class Membership(msgspec.Struct, frozen=True):
    account: str
    group: str
    user: str


class Attachment(msgspec.Struct, frozen=True):
    """That `name` (a user, group or role) has the policy, as its "permissions" or as its "boundary"."""

    account: str
    policy_arn: str
    usage: str
    kind: str
    name: str


class AccountAlias(msgspec.Struct, frozen=True):
    alias: str
    account: str


class Account(msgspec.Struct, frozen=True):
    """An account is there without being made: it was opened when somebody first asked since when it is."""

    id: str
    opened_ms: int


class DeletionTask(msgspec.Struct, frozen=True):
    """That a service-linked role was deleted."""

    account: str
    id: str


def _by_name(record) -> tuple[str, str]:
    return record.account, record.name.lower()


class DecidingTable(Table):
    """Its rows decide what a role may do: who was refused as one is told that they have changed."""

    def put(self, tx: Transaction, record: Role | ManagedPolicy) -> None:
        super().put(tx, record)
        self._tell(tx, record)

    def insert(self, tx: Transaction, record: Role | ManagedPolicy) -> None:
        super().insert(tx, record)
        self._tell(tx, record)

    def _tell(self, tx: Transaction, record: Role | ManagedPolicy) -> None:
        tx.notify(changed(record.account, record.name if isinstance(record, Role) else ""))


USERS = Table("iam.users", User, key=_by_name)
GROUPS = Table("iam.groups", Group, key=_by_name)
ROLES = DecidingTable("iam.roles", Role, key=_by_name)
POLICIES = DecidingTable("iam.policies", ManagedPolicy, key=_by_name)
POLICY_VERSIONS = Table("iam.policy-versions", PolicyVersion, key=lambda row: (row.account, row.policy_id, row.number))
INSTANCE_PROFILES = Table(
    "iam.instance-profiles",
    InstanceProfile,
    key=_by_name,
    by_role=Index(lambda row: (row.account, row.role.lower(), row.name.lower()) if row.role else None),
)
ACCESS_KEYS = Table(
    "iam.access-keys",
    AccessKey,
    key=lambda row: (row.id,),
    is_hot=True,
    by_user=Index(lambda row: (row.account, row.user.lower(), row.id)),
)
KEY_USES = Table("iam.key-uses", KeyUse, key=lambda row: (row.id,))
MEMBERSHIPS = Table("iam.memberships", Membership, key=lambda row: (row.account, row.group.lower(), row.user.lower()))
ATTACHMENTS = Table(
    "iam.attachments", Attachment, key=lambda row: (row.account, row.policy_arn, row.usage, row.kind, row.name.lower())
)
ALIASES = Table(
    "iam.aliases", AccountAlias, key=lambda row: (row.alias,), by_account=Index(lambda row: (row.account, row.alias))
)
ACCOUNTS = Table("iam.accounts", Account, key=lambda row: (row.id,))
DELETION_TASKS = Table("iam.deletion-tasks", DeletionTask, key=lambda row: (row.account, row.id))

Identity = User | Group | Role
IDENTITIES: dict[str, Table] = {"user": USERS, "group": GROUPS, "role": ROLES}
QUOTAS = {
    "user": ("UsersPerAccount", USERS_PER_ACCOUNT),
    "group": ("GroupsPerAccount", GROUPS_PER_ACCOUNT),
    "role": ("RolesPerAccount", ROLES_PER_ACCOUNT),
}


def unique_id(tx: Transaction, prefix: str) -> str:
    """AIDA… user, AROA… role, AGPA… group, ANPA… policy, AIPA… instance profile: 21 characters.

    Source: IAM user guide, "IAM identifiers".
    """
    return prefix + tx.ids.token(17, BASE32)


def opened_ms(tx: Transaction, account: str) -> int:
    """When the account was opened."""
    found = ACCOUNTS.get(tx, account)
    if found is None:
        found = Account(account, tx.now_ms)
        ACCOUNTS.put(tx, found)
    return found.opened_ms


def find(tx: Transaction, kind: str, account: str, name: str) -> Identity | None:
    record = IDENTITIES[kind].get(tx, account, name.lower())
    return record if record is not None and record.name == name else None


def require(tx: Transaction, kind: str, account: str, name: str) -> Identity:
    record = find(tx, kind, account, name)
    if record is None:
        raise NoSuchEntity(f"The {kind} with name {name} cannot be found.")
    return record


def require_modifiable(tx: Transaction, kind: str, account: str, name: str) -> Identity:
    """Service-linked roles are changed by their service alone."""
    record = require(tx, kind, account, name)
    if kind == "role" and record.service:
        raise UnmodifiableEntity(
            f"Cannot perform the operation on the protected role '{name}' - this role is only modifiable by AWS"
        )
    return record


def require_profile(tx: Transaction, account: str, name: str) -> InstanceProfile:
    record = INSTANCE_PROFILES.get(tx, account, name.lower())
    if record is None or record.name != name:
        raise NoSuchEntity(f"Instance Profile {name} cannot be found.")
    return record


def policy_of_arn(tx: Transaction, account: str, arn: str) -> ManagedPolicy | aws_managed.AwsPolicy | None:
    """A policy of the account, or one of AWS's. Raises NotImplementedByUs for those of AWS that we don't carry."""
    parsed = parse_arn(arn)
    if parsed is not None and parsed.resource.startswith("policy/") and parsed.account == "aws":
        return aws_managed.find(arn)
    return own_policy_of_arn(tx, account, arn)


def own_policy_of_arn(tx: Transaction, account: str, arn: str) -> ManagedPolicy | None:
    parsed = parse_arn(arn)
    if parsed is None or not parsed.resource.startswith("policy/") or parsed.account != account:
        return None
    record = POLICIES.get(tx, account, parsed.resource.rpartition("/")[2].lower())
    return record if record is not None and record.arn == arn else None


def require_policy(tx: Transaction, account: str, arn: str) -> ManagedPolicy | aws_managed.AwsPolicy:
    policy = policy_of_arn(tx, account, arn)
    if policy is None:
        raise NoSuchEntity(f"Policy {arn} was not found.")
    return policy


def attachments(tx: Transaction, account: str, policy_arn: str, *usage: str) -> Iterator[Attachment]:
    return ATTACHMENTS.scan(tx, account, policy_arn, *usage)


def count(tx: Transaction, table: Table, account: str) -> int:
    return sum(1 for _ in table.scan(tx, account))


def keys_of(tx: Transaction, account: str, user: str) -> list[AccessKey]:
    return list(ACCESS_KEYS.by_user.scan(tx, account, user.lower()))


def members(tx: Transaction, account: str, group: str) -> list[User]:
    rows = MEMBERSHIPS.scan(tx, account, group.lower())
    return [require(tx, "user", account, row.user) for row in rows]
