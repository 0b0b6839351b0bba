"""Permissions boundaries: the most that a user or role may ever be allowed."""

from pileus.kernel.call import Call
from pileus.services.iam.transitions import boundaries


async def put_user_permissions_boundary(call: Call, request: dict) -> None:
    """Set a user's boundary. errors  NoSuchEntity"""
    await call.write(boundaries.put_boundary, "user", call.account, request["UserName"], request["PermissionsBoundary"])


async def delete_user_permissions_boundary(call: Call, request: dict) -> None:
    """Free a user of its boundary. errors  NoSuchEntity"""
    await call.write(boundaries.delete_boundary, "user", call.account, request["UserName"])


async def put_role_permissions_boundary(call: Call, request: dict) -> None:
    """Set a role's boundary. errors  NoSuchEntity, UnmodifiableEntity"""
    await call.write(boundaries.put_boundary, "role", call.account, request["RoleName"], request["PermissionsBoundary"])


async def delete_role_permissions_boundary(call: Call, request: dict) -> None:
    """Free a role of its boundary. errors  NoSuchEntity, UnmodifiableEntity"""
    await call.write(boundaries.delete_boundary, "role", call.account, request["RoleName"])
