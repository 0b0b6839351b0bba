"""Managed policies as users, groups and roles have them: attached and detached."""

from pileus.kernel.call import Call
from pileus.services.iam import state
from pileus.services.iam.paging import after_key, page
from pileus.services.iam.shapes import attached_out
from pileus.services.iam.transitions import permissions
from pileus.store.transaction import Transaction


async def attach_user_policy(call: Call, request: dict) -> None:
    """Give a user the permissions of a managed policy. errors  NoSuchEntity, LimitExceeded beyond ten"""
    await call.write(permissions.attach, "user", call.account, request["UserName"], request["PolicyArn"])


async def detach_user_policy(call: Call, request: dict) -> None:
    """Take a managed policy from a user. errors  NoSuchEntity"""
    await call.write(permissions.detach, "user", call.account, request["UserName"], request["PolicyArn"])


async def list_attached_user_policies(call: Call, request: dict) -> dict:
    """The managed policies that a user has, by name. errors  NoSuchEntity"""
    return await _list(call, "user", request["UserName"], request)


async def attach_group_policy(call: Call, request: dict) -> None:
    """Give a group the permissions of a managed policy. errors  NoSuchEntity, LimitExceeded beyond ten"""
    await call.write(permissions.attach, "group", call.account, request["GroupName"], request["PolicyArn"])


async def detach_group_policy(call: Call, request: dict) -> None:
    """Take a managed policy from a group. errors  NoSuchEntity"""
    await call.write(permissions.detach, "group", call.account, request["GroupName"], request["PolicyArn"])


async def list_attached_group_policies(call: Call, request: dict) -> dict:
    """The managed policies that a group has, by name. errors  NoSuchEntity"""
    return await _list(call, "group", request["GroupName"], request)


async def attach_role_policy(call: Call, request: dict) -> None:
    """Give a role the permissions of a managed policy.

    errors   NoSuchEntity, LimitExceeded beyond ten, UnmodifiableEntity
    """
    await call.write(permissions.attach, "role", call.account, request["RoleName"], request["PolicyArn"])


async def detach_role_policy(call: Call, request: dict) -> None:
    """Take a managed policy from a role. errors  NoSuchEntity, UnmodifiableEntity"""
    await call.write(permissions.detach, "role", call.account, request["RoleName"], request["PolicyArn"])


async def list_attached_role_policies(call: Call, request: dict) -> dict:
    """The managed policies that a role has, by name. errors  NoSuchEntity"""
    return await _list(call, "role", request["RoleName"], request)


async def _list(call: Call, kind: str, name: str, request: dict) -> dict:
    prefix = request.get("PathPrefix", "/")

    def rows(tx: Transaction, after: list | None):
        attached = attached_out(state.require(tx, kind, call.account, name).attached)
        return after_key(attached, after, _name_and_arn)

    policies, rest = await page(
        call,
        request,
        rows,
        key=_name_and_arn,
        out=lambda tx, policy: policy,
        keep=lambda policy: policy["PolicyArn"].partition(":policy")[2].startswith(prefix),
    )
    return {"AttachedPolicies": policies} | rest


def _name_and_arn(policy: dict) -> list[str]:
    return [policy["PolicyName"], policy["PolicyArn"]]
