"""AWS::IAM::User, Group, Role and UserToGroupAddition."""

from typing import Any, ClassVar

from pileus.kernel import tags as kernel_tags
from pileus.kernel.errors import AwsError
from pileus.services.iam.resources import permissions
from pileus.services.iam.resources.permissions import GONE, POLICIES, document_text, own_tags
from pileus.stacks.property_types import JSON, TAGS, NotHonoured, Property
from pileus.stacks.resource import Created, ResourceContext, ResourceType, Updated


class _Identity(ResourceType):
    """What the three have in common: a name of their own or of the stack's choice, and permissions."""

    kind: ClassVar[str]
    longest_name: ClassVar[int]

    def request(self, context: ResourceContext, name: str, properties: dict[str, Any]) -> dict[str, Any]:
        """Of the operation that creates it."""
        request = {f"{self.kind}Name": name}
        if "Path" in properties:
            request["Path"] = properties["Path"]
        if "PermissionsBoundary" in properties:
            request["PermissionsBoundary"] = properties["PermissionsBoundary"]
        tags = own_tags(context, properties)
        if tags and self.kind != "Group":
            request["Tags"] = kernel_tags.to_list(tags)
        return request

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        chosen = properties.get(f"{self.kind}Name")
        name = chosen or context.physical_name(self.longest_name)
        try:
            await context.invoke("iam", f"Create{self.kind}", self.request(context, name, properties))
        except AwsError as error:
            # A name that the stack made is its own, from a step that was killed; one that the template chose is taken.
            if chosen or error.code != "EntityAlreadyExists":
                raise
        try:
            await self.complete(context, name, {}, properties)
        except AwsError:
            # Nobody has heard of it yet, so nobody else would delete it.
            await self.delete(context, name, properties)
            raise
        return Created(name, await self.described(context, name))

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated:
        await self.complete(context, physical_id, old, new)
        return Updated(await self.described(context, physical_id))

    async def complete(self, context: ResourceContext, name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        await permissions.bring(context, self.kind, name, old, new)

    async def described(self, context: ResourceContext, name: str) -> dict[str, Any]:
        answer = await context.invoke("iam", f"Get{self.kind}", {f"{self.kind}Name": name})
        return {"Arn": answer[self.kind]["Arn"]}

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        await permissions.take_away(context, self.kind, physical_id, properties)
        request = {f"{self.kind}Name": physical_id}
        await context.invoke_unless_gone("iam", f"Delete{self.kind}", request, gone=GONE)


class Role(_Identity):
    name = "AWS::IAM::Role"
    named_by = "RoleName"
    kind = "Role"
    longest_name = 64
    properties = {
        "AssumeRolePolicyDocument": Property(JSON, required=True),
        "Description": Property(str),
        "ManagedPolicyArns": Property([str]),
        "MaxSessionDuration": Property(int),
        "Path": Property(str, replacement=True),
        "PermissionsBoundary": Property(str),
        "Policies": Property(POLICIES),
        "RoleName": Property(str, replacement=True),
        "Tags": Property(TAGS),
    }
    attributes = ("Arn", "RoleId")

    def request(self, context: ResourceContext, name: str, properties: dict[str, Any]) -> dict[str, Any]:
        request = super().request(context, name, properties)
        request["AssumeRolePolicyDocument"] = document_text(properties["AssumeRolePolicyDocument"])
        for member in ("Description", "MaxSessionDuration"):
            if member in properties:
                request[member] = properties[member]
        return request

    async def complete(self, context: ResourceContext, name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        if old:
            document = document_text(new["AssumeRolePolicyDocument"])
            await context.invoke("iam", "UpdateAssumeRolePolicy", {"RoleName": name, "PolicyDocument": document})
            settings = {
                "Description": new.get("Description", ""),
                "MaxSessionDuration": new.get("MaxSessionDuration", 3_600),
            }
            await context.invoke("iam", "UpdateRole", {"RoleName": name, **settings})
        await super().complete(context, name, old, new)

    async def described(self, context: ResourceContext, name: str) -> dict[str, Any]:
        role = (await context.invoke("iam", "GetRole", {"RoleName": name}))["Role"]
        return {"Arn": role["Arn"], "RoleId": role["RoleId"]}


class User(_Identity):
    name = "AWS::IAM::User"
    kind = "User"
    longest_name = 64
    properties = {
        "Groups": Property([str]),
        "LoginProfile": NotHonoured(),
        "ManagedPolicyArns": Property([str]),
        "Path": Property(str),
        "PermissionsBoundary": Property(str),
        "Policies": Property(POLICIES),
        "Tags": Property(TAGS),
        "UserName": Property(str, replacement=True),
    }
    attributes = ("Arn",)

    async def complete(self, context: ResourceContext, name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        if old and old.get("Path", "/") != new.get("Path", "/"):
            await context.invoke("iam", "UpdateUser", {"UserName": name, "NewPath": new.get("Path", "/")})
        await super().complete(context, name, old, new)
        await bring_groups(context, name, old.get("Groups", []), new.get("Groups", []))

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        await bring_groups(context, physical_id, properties.get("Groups", []), [])
        await super().delete(context, physical_id, properties)


class Group(_Identity):
    name = "AWS::IAM::Group"
    kind = "Group"
    longest_name = 128
    properties = {
        "GroupName": Property(str, replacement=True),
        "ManagedPolicyArns": Property([str]),
        "Path": Property(str),
        "Policies": Property(POLICIES),
    }
    attributes = ("Arn",)

    async def complete(self, context: ResourceContext, name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        if old and old.get("Path", "/") != new.get("Path", "/"):
            await context.invoke("iam", "UpdateGroup", {"GroupName": name, "NewPath": new.get("Path", "/")})
        await super().complete(context, name, old, new)


class UserToGroupAddition(ResourceType):
    name = "AWS::IAM::UserToGroupAddition"
    properties = {"GroupName": Property(str, required=True), "Users": Property([str], required=True)}
    attributes = ("Id",)

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        for user in properties["Users"]:
            await bring_groups(context, user, [], [properties["GroupName"]])
        name = context.physical_name(128)
        return Created(name, {"Id": name})

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> None:
        for user in {*old["Users"], *new["Users"]}:
            before = [old["GroupName"]] if user in old["Users"] else []
            after = [new["GroupName"]] if user in new["Users"] else []
            await bring_groups(context, user, before, after)

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        for user in properties["Users"]:
            await bring_groups(context, user, [properties["GroupName"]], [])


async def bring_groups(context: ResourceContext, user: str, old: list[str], new: list[str]) -> None:
    for group in old:
        if group not in new:
            request = {"GroupName": group, "UserName": user}
            await context.invoke_unless_gone("iam", "RemoveUserFromGroup", request, gone=GONE)
    for group in new:
        await context.invoke("iam", "AddUserToGroup", {"GroupName": group, "UserName": user})
