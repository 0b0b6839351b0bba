"""Records as IAM's answers spell them. Lists leave out what their reference pages say they leave out."""

from datetime import UTC, datetime

from pileus.kernel import tags as kernel_tags
from pileus.services.iam import state
from pileus.services.iam.documents import encoded
from pileus.store.transaction import Transaction


def moment(ms: int) -> datetime:
    """IAM's times have whole seconds."""
    return datetime.fromtimestamp(ms // 1000, UTC)


def _boundary_and_tags(record) -> dict:
    out: dict = {}
    if record.boundary:
        # "Policy" and not the "PermissionsBoundaryPolicy" of the reference: it is what IAM answers.
        out["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": record.boundary,
        }
    return out | tags_out(record)


def tags_out(record) -> dict:
    return {"Tags": kernel_tags.to_list(record.tags)} if record.tags else {}


def user_out(user: state.User, *, listed: bool = False) -> dict:
    out = {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.id,
        "Arn": user.arn,
        "CreateDate": moment(user.created_ms),
    }
    return out if listed else out | _boundary_and_tags(user)


def group_out(group: state.Group) -> dict:
    return {
        "Path": group.path,
        "GroupName": group.name,
        "GroupId": group.id,
        "Arn": group.arn,
        "CreateDate": moment(group.created_ms),
    }


def role_out(role: state.Role, *, listed: bool = False) -> dict:
    out = {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": moment(role.created_ms),
        "AssumeRolePolicyDocument": encoded(role.trust),
        "MaxSessionDuration": role.max_session_s,
    }
    if role.description:
        out["Description"] = role.description
    return out if listed else out | _boundary_and_tags(role)


def policy_out(tx: Transaction, account: str, policy, *, listed: bool = False) -> dict:
    """A policy of the account or of AWS; how often it is attached is the account's own affair."""
    usages = [row.usage for row in state.attachments(tx, account, policy.arn)]
    out = {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": f"v{policy.default_version}",
        "AttachmentCount": usages.count("permissions"),
        "PermissionsBoundaryUsageCount": usages.count("boundary"),
        "IsAttachable": True,
        "CreateDate": moment(policy.created_ms),
        "UpdateDate": moment(policy.updated_ms),
    }
    if listed:
        return out
    if policy.description:
        out["Description"] = policy.description
    return out | tags_out(policy)


def version_out(version: state.PolicyVersion, default: int, *, with_document: bool) -> dict:
    out = {
        "VersionId": f"v{version.number}",
        "IsDefaultVersion": version.number == default,
        "CreateDate": moment(version.created_ms),
    }
    return out | {"Document": encoded(version.document)} if with_document else out


def profile_out(tx: Transaction, profile: state.InstanceProfile, *, listed: bool = False) -> dict:
    role = state.find(tx, "role", profile.account, profile.role) if profile.role else None
    out = {
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": profile.id,
        "Arn": profile.arn,
        "CreateDate": moment(profile.created_ms),
        "Roles": [role_out(role, listed=True)] if role is not None else [],
    }
    return out if listed else out | tags_out(profile)


def attached_out(arns: tuple[str, ...]) -> list[dict]:
    return [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in arns]


def key_out(key: state.AccessKey) -> dict:
    """Without the secret, which only CreateAccessKey tells. Keys of the root have no user name at AWS either."""
    out = {
        "AccessKeyId": key.id,
        "Status": "Active" if key.is_active else "Inactive",
        "CreateDate": moment(key.created_ms),
    }
    return {"UserName": key.user} | out if key.user else out


def inline_out(inline: dict[str, str]) -> list[dict]:
    return [{"PolicyName": name, "PolicyDocument": encoded(text)} for name, text in sorted(inline.items())]
