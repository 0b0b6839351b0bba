"""Roles that belong to a service: it alone changes them."""

from pileus.kernel.arn import partition_of
from pileus.kernel.call import Call
from pileus.services.iam import linked_services, state
from pileus.services.iam.errors import InvalidInput, NoSuchEntity
from pileus.services.iam.shapes import role_out
from pileus.services.iam.transitions import identities


async def create_service_linked_role(call: Call, request: dict) -> dict:
    """Make the role that a service acts as, below /aws-service-role/<service>/, trusted by that service alone.

    It has its policy of AWS's attached where one of our services acts through it.
    errors   InvalidInput (there is one already, or the service takes no suffix)
    source   IAM API reference, CreateServiceLinkedRole; IAM user guide, "Service-linked roles"
    """
    service = request["AWSServiceName"]
    name = linked_services.role_name(service, request.get("CustomSuffix", ""))
    if await call.read(state.find, "role", call.account, name) is not None:
        raise InvalidInput(f"Service role name {name} has been taken in this account, please try a different suffix.")
    role = await call.write(
        identities.create_role,
        call.account,
        name,
        f"/aws-service-role/{service}/",
        partition=partition_of(call.region),
        trust=linked_services.trust_policy(service),
        description=request.get("Description", ""),
        service=service,
        attached=linked_services.policies(service, partition_of(call.region)),
    )
    return {"Role": role_out(role)}


async def delete_service_linked_role(call: Call, request: dict) -> dict:
    """Delete a service-linked role. errors  NoSuchEntity, InvalidInput for any other role"""
    role = await call.read(state.require, "role", call.account, request["RoleName"])
    if not role.service:
        raise InvalidInput(f"The role {role.name} is not a service-linked role.")
    return {"DeletionTaskId": await call.write(identities.delete_service_linked_role, call.account, role.name)}


async def get_service_linked_role_deletion_status(call: Call, request: dict) -> dict:
    """How a deletion went: SUCCEEDED, for the role is gone when its task has an id.

    errors   NoSuchEntity where there was no such task
    """
    if not await call.read(identities.was_deletion_task, call.account, request["DeletionTaskId"]):
        raise NoSuchEntity(f"The deletion task {request['DeletionTaskId']} cannot be found.")
    return {"Status": "SUCCEEDED"}
