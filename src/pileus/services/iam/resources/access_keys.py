"""AWS::IAM::AccessKey."""

from typing import Any

from pileus.services.iam.resources.permissions import GONE
from pileus.stacks.property_types import Property
from pileus.stacks.resource import Created, ResourceContext, ResourceType


class AccessKey(ResourceType):
    """A step that is killed after it made its key makes another when it runs again: the first one's secret is lost, and
    nobody can tell it from a key that somebody else made. It stays, unused, until its user is deleted."""

    name = "AWS::IAM::AccessKey"
    properties = {
        "Serial": Property(int, replacement=True),
        "Status": Property(str),
        "UserName": Property(str, required=True, replacement=True),
    }
    attributes = ("SecretAccessKey",)

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        answer = await context.invoke("iam", "CreateAccessKey", {"UserName": properties["UserName"]})
        key = answer["AccessKey"]
        if properties.get("Status", "Active") != "Active":
            await self.update(context, key["AccessKeyId"], {}, properties)
        return Created(key["AccessKeyId"], {"SecretAccessKey": key["SecretAccessKey"]})

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> None:
        await context.invoke(
            "iam",
            "UpdateAccessKey",
            {"UserName": new["UserName"], "AccessKeyId": physical_id, "Status": new.get("Status", "Active")},
        )

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        request = {"UserName": properties["UserName"], "AccessKeyId": physical_id}
        await context.invoke_unless_gone("iam", "DeleteAccessKey", request, gone=GONE)
