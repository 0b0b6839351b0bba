"""Inline policies of users, groups and roles."""

from pileus.kernel.call import Call
from pileus.services.iam import state
from pileus.services.iam.documents import encoded
from pileus.services.iam.paging import after_key, page
from pileus.services.iam.transitions import permissions
from pileus.store.transaction import Transaction


async def put_user_policy(call: Call, request: dict) -> None:
    """Write a user's inline policy, or replace it. errors  NoSuchEntity, MalformedPolicyDocument, LimitExceeded"""
    await call.write(
        permissions.put_inline,
        "user",
        call.account,
        request["UserName"],
        request["PolicyName"],
        request["PolicyDocument"],
    )


async def get_user_policy(call: Call, request: dict) -> dict:
    """A user's inline policy. errors  NoSuchEntity"""
    return {"UserName": request["UserName"]} | await _get(call, "user", request["UserName"], request["PolicyName"])


async def list_user_policies(call: Call, request: dict) -> dict:
    """The names of a user's inline policies. errors  NoSuchEntity"""
    return await _list(call, "user", request["UserName"], request)


async def delete_user_policy(call: Call, request: dict) -> None:
    """Delete a user's inline policy. errors  NoSuchEntity"""
    await call.write(permissions.delete_inline, "user", call.account, request["UserName"], request["PolicyName"])


async def put_group_policy(call: Call, request: dict) -> None:
    """Write a group's inline policy, or replace it. errors  NoSuchEntity, MalformedPolicyDocument, LimitExceeded"""
    await call.write(
        permissions.put_inline,
        "group",
        call.account,
        request["GroupName"],
        request["PolicyName"],
        request["PolicyDocument"],
    )


async def get_group_policy(call: Call, request: dict) -> dict:
    """A group's inline policy. errors  NoSuchEntity"""
    return {"GroupName": request["GroupName"]} | await _get(call, "group", request["GroupName"], request["PolicyName"])


async def list_group_policies(call: Call, request: dict) -> dict:
    """The names of a group's inline policies. errors  NoSuchEntity"""
    return await _list(call, "group", request["GroupName"], request)


async def delete_group_policy(call: Call, request: dict) -> None:
    """Delete a group's inline policy. errors  NoSuchEntity"""
    await call.write(permissions.delete_inline, "group", call.account, request["GroupName"], request["PolicyName"])


async def put_role_policy(call: Call, request: dict) -> None:
    """Write a role's inline policy, or replace it.

    errors   NoSuchEntity, MalformedPolicyDocument, LimitExceeded, UnmodifiableEntity
    """
    await call.write(
        permissions.put_inline,
        "role",
        call.account,
        request["RoleName"],
        request["PolicyName"],
        request["PolicyDocument"],
    )


async def get_role_policy(call: Call, request: dict) -> dict:
    """A role's inline policy. errors  NoSuchEntity"""
    return {"RoleName": request["RoleName"]} | await _get(call, "role", request["RoleName"], request["PolicyName"])


async def list_role_policies(call: Call, request: dict) -> dict:
    """The names of a role's inline policies. errors  NoSuchEntity"""
    return await _list(call, "role", request["RoleName"], request)


async def delete_role_policy(call: Call, request: dict) -> None:
    """Delete a role's inline policy. errors  NoSuchEntity, UnmodifiableEntity"""
    await call.write(permissions.delete_inline, "role", call.account, request["RoleName"], request["PolicyName"])


async def _get(call: Call, kind: str, name: str, policy_name: str) -> dict:
    document = await call.read(permissions.inline_policy, kind, call.account, name, policy_name)
    return {"PolicyName": policy_name, "PolicyDocument": encoded(document)}


async def _list(call: Call, kind: str, name: str, request: dict) -> dict:
    def rows(tx: Transaction, after: str | None):
        return after_key(state.require(tx, kind, call.account, name).inline, after, str)

    names, rest = await page(call, request, rows, key=str, out=lambda tx, policy_name: policy_name)
    return {"PolicyNames": names} | rest
