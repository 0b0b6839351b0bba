"""Roles that rules and targets name: only the caller's own account's can be passed on."""

from pileus.kernel.call import Call
from pileus.kernel.errors import AccessDenied
from pileus.services.events.errors import ValidationException


def require_own_role(call: Call, role_arn: str | None) -> None:
    """Whether the caller may pass it on is asked before the operation (iam:PassRole, in authorize.py)."""
    if role_arn is None:
        return
    parts = role_arn.split(":")
    if len(parts) < 6 or parts[2] != "iam" or not parts[5].startswith("role/"):
        raise ValidationException(f"Parameter RoleArn is not valid. Reason: {role_arn} is not a role's ARN.")
    if parts[4] != call.account:
        raise AccessDenied("Cross-account pass role is not allowed.")
