"""The account as a whole: alias, summary, and everything at once."""

from pileus.kernel.arn import partition_of
from pileus.kernel.call import Call
from pileus.services.iam import aws_managed, state
from pileus.services.iam.documents import encoded
from pileus.services.iam.paging import after_key, page
from pileus.services.iam.shapes import (
    attached_out,
    group_out,
    inline_out,
    moment,
    policy_out,
    profile_out,
    role_out,
    user_out,
    version_out,
)
from pileus.services.iam.transitions import aliases, policies
from pileus.store.transaction import Transaction


async def create_account_alias(call: Call, request: dict) -> None:
    """Give the account an alias, instead of the one it has. errors  EntityAlreadyExists"""
    await call.write(aliases.create, call.account, request["AccountAlias"])


async def delete_account_alias(call: Call, request: dict) -> None:
    """Take the account's alias away. errors  NoSuchEntity"""
    await call.write(aliases.delete, call.account, request["AccountAlias"])


async def list_account_aliases(call: Call, request: dict) -> dict:
    """The account's alias, if it has one."""

    def rows(tx: Transaction, after: str | None):
        return after_key(aliases.aliases(tx, call.account), after, str)

    found, rest = await page(call, request, rows, key=str, out=lambda tx, alias: alias)
    return {"AccountAliases": found} | rest


async def get_account_summary(call: Call, request: dict) -> dict:
    """How many of each the account has, and may have.

    source  IAM API reference, GetAccountSummary
    """
    return {"SummaryMap": await call.read(_summary, call.account)}


def _summary(tx: Transaction, account: str) -> dict[str, int]:
    own_policies = list(state.POLICIES.scan(tx, account))
    in_use = {row.policy_arn for row in state.ATTACHMENTS.scan(tx, account)}
    return {
        "Users": state.count(tx, state.USERS, account),
        "UsersQuota": state.USERS_PER_ACCOUNT,
        "Groups": state.count(tx, state.GROUPS, account),
        "GroupsQuota": state.GROUPS_PER_ACCOUNT,
        "Roles": state.count(tx, state.ROLES, account),
        "RolesQuota": state.ROLES_PER_ACCOUNT,
        "Policies": len(own_policies),
        "PoliciesQuota": state.POLICIES_PER_ACCOUNT,
        "PolicyVersionsInUse": len(in_use),
        "PolicyVersionsInUseQuota": 10_000,
        "InstanceProfiles": state.count(tx, state.INSTANCE_PROFILES, account),
        "InstanceProfilesQuota": state.INSTANCE_PROFILES_PER_ACCOUNT,
        "AccountAccessKeysPresent": min(1, len(state.keys_of(tx, account, ""))),
        "AccessKeysPerUserQuota": state.ACCESS_KEYS_PER_USER,
        "GroupsPerUserQuota": state.GROUPS_PER_USER,
        "AttachedPoliciesPerUserQuota": state.ATTACHED_POLICIES,
        "AttachedPoliciesPerGroupQuota": state.ATTACHED_POLICIES,
        "AttachedPoliciesPerRoleQuota": state.ATTACHED_POLICIES,
        "UserPolicySizeQuota": state.INLINE_CHARACTERS["user"],
        "GroupPolicySizeQuota": state.INLINE_CHARACTERS["group"],
        "RolePolicySizeQuota": state.INLINE_CHARACTERS["role"],
        "AssumeRolePolicySizeQuota": state.TRUST_POLICY_CHARACTERS,
        "PolicySizeQuota": state.POLICY_CHARACTERS,
        "VersionsPerPolicyQuota": state.VERSIONS_PER_POLICY,
        # What there is none of here: nobody can have made one.
        "MFADevices": 0,
        "MFADevicesInUse": 0,
        "AccountMFAEnabled": 0,
        "AccountPasswordPresent": 0,
        "AccountSigningCertificatesPresent": 0,
        "ServerCertificates": 0,
        "Providers": 0,
    }


_DETAILS = {
    "User": "UserDetailList",
    "Group": "GroupDetailList",
    "Role": "RoleDetailList",
    "LocalManagedPolicy": "Policies",
    "AWSManagedPolicy": "Policies",
}


async def get_account_authorization_details(call: Call, request: dict) -> dict:
    """Users, groups, roles and policies with all that they allow, in pages over all four.

    source  IAM API reference, GetAccountAuthorizationDetails. AWS's policies are listed where they are attached.
    """
    wanted = request.get("Filter") or list(_DETAILS)

    def rows(tx: Transaction, after: list | None):
        found = [(kind, record) for kind in wanted for record in _records(tx, call, kind)]
        return after_key(found, after, _kind_and_arn)

    details, rest = await page(
        call,
        request,
        rows,
        key=_kind_and_arn,
        out=lambda tx, pair: (_DETAILS[pair[0]], _detail(tx, call.account, *pair)),
    )
    out: dict = {name: [] for name in _DETAILS.values()}
    for name, detail in details:
        out[name].append(detail)
    return out | rest


def _kind_and_arn(pair: tuple) -> list[str]:
    return [pair[0], pair[1].arn]


def _records(tx: Transaction, call: Call, kind: str) -> list:
    if kind == "LocalManagedPolicy":
        return list(state.POLICIES.scan(tx, call.account))
    if kind == "AWSManagedPolicy":
        prefix = f"arn:{partition_of(call.region)}:iam::aws:"
        arns = {row.policy_arn for row in state.ATTACHMENTS.scan(tx, call.account)}
        return [aws_managed.find(arn) for arn in arns if arn.startswith(prefix)]
    return list(state.IDENTITIES[kind.lower()].scan(tx, call.account))


def _detail(tx: Transaction, account: str, kind: str, record) -> dict:
    if kind in ("LocalManagedPolicy", "AWSManagedPolicy"):
        return _policy_detail(tx, account, record)
    attached = {"AttachedManagedPolicies": attached_out(record.attached)}
    if kind == "User":
        return (
            user_out(record) | attached | {"UserPolicyList": inline_out(record.inline), "GroupList": [*record.groups]}
        )
    if kind == "Group":
        return group_out(record) | attached | {"GroupPolicyList": inline_out(record.inline)}
    profiles = state.INSTANCE_PROFILES.by_role.scan(tx, account, record.name.lower())
    out = role_out(record) | attached | {"RolePolicyList": inline_out(record.inline)}
    out["InstanceProfileList"] = [profile_out(tx, profile, listed=True) for profile in profiles]
    for name in ("MaxSessionDuration", "Description"):  # not in this answer
        out.pop(name, None)
    return out


def _policy_detail(tx: Transaction, account: str, policy) -> dict:
    out = policy_out(tx, account, policy)
    out.pop("Tags", None)
    if isinstance(policy, state.ManagedPolicy):
        found = policies.versions(tx, policy)
        versions = [version_out(version, policy.default_version, with_document=True) for version in found]
    else:
        versions = [
            {
                "Document": encoded(policy.document),
                "VersionId": f"v{policy.default_version}",
                "IsDefaultVersion": True,
                "CreateDate": moment(policy.updated_ms),
            }
        ]
    return out | {"PolicyVersionList": versions}
