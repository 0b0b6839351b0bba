"""AWS::IAM::InstanceProfile and AWS::IAM::ServiceLinkedRole."""

from typing import Any

from pileus.kernel.errors import AwsError
from pileus.services.iam.resources.permissions import GONE
from pileus.stacks.property_types import Property
from pileus.stacks.resource import Created, ResourceContext, ResourceType


class InstanceProfile(ResourceType):
    name = "AWS::IAM::InstanceProfile"
    named_by = "InstanceProfileName"
    properties = {
        "InstanceProfileName": Property(str, replacement=True),
        "Path": Property(str, replacement=True),
        "Roles": Property([str], required=True),
    }
    attributes = ("Arn",)

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        chosen = properties.get("InstanceProfileName")
        name = chosen or context.physical_name(128)
        request = {"InstanceProfileName": name, "Path": properties.get("Path", "/")}
        try:
            await context.invoke("iam", "CreateInstanceProfile", request)
        except AwsError as error:
            if chosen or error.code != "EntityAlreadyExists":
                raise
        try:
            await self._bring(context, name, properties["Roles"])
        except AwsError:
            await self.delete(context, name, properties)
            raise
        profile = (await context.invoke("iam", "GetInstanceProfile", {"InstanceProfileName": name}))["InstanceProfile"]
        return Created(name, {"Arn": profile["Arn"]})

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> None:
        await self._bring(context, physical_id, new["Roles"])

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        request = {"InstanceProfileName": physical_id}
        if await context.invoke_unless_gone("iam", "GetInstanceProfile", request, gone=GONE) is None:
            return
        await self._bring(context, physical_id, [])
        await context.invoke_unless_gone("iam", "DeleteInstanceProfile", request, gone=GONE)

    async def _bring(self, context: ResourceContext, name: str, roles: list[str]) -> None:
        profile = (await context.invoke("iam", "GetInstanceProfile", {"InstanceProfileName": name}))["InstanceProfile"]
        present = [role["RoleName"] for role in profile["Roles"]]
        for role in present:
            if role not in roles:
                request = {"InstanceProfileName": name, "RoleName": role}
                await context.invoke_unless_gone("iam", "RemoveRoleFromInstanceProfile", request, gone=GONE)
        for role in roles:
            if role not in present:
                await context.invoke("iam", "AddRoleToInstanceProfile", {"InstanceProfileName": name, "RoleName": role})


class ServiceLinkedRole(ResourceType):
    name = "AWS::IAM::ServiceLinkedRole"
    properties = {
        "AWSServiceName": Property(str, required=True, replacement=True),
        "CustomSuffix": Property(str, replacement=True),
        "Description": Property(str, replacement=True),
    }
    """AWS updates the description in place; here only the service could, so that a new one takes a new role."""
    attributes = ("RoleName",)

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        role = (await context.invoke("iam", "CreateServiceLinkedRole", dict(properties)))["Role"]
        return Created(role["RoleName"], {"RoleName": role["RoleName"]})

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        request = {"RoleName": physical_id}
        await context.invoke_unless_gone("iam", "DeleteServiceLinkedRole", request, gone=GONE)
