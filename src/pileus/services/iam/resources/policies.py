"""AWS::IAM::ManagedPolicy, and the inline policies: Policy, RolePolicy, UserPolicy, GroupPolicy."""

from typing import Any, ClassVar
from urllib.parse import unquote

from pileus.kernel.errors import AwsError
from pileus.services.iam.resources.permissions import GONE, delete_inline, document_text, put_inline
from pileus.stacks.property_types import JSON, InvalidProperty, Property
from pileus.stacks.resource import Created, ResourceContext, ResourceType, Updated

_KINDS = ("Group", "Role", "User")
_MAX_VERSIONS = 5


class ManagedPolicy(ResourceType):
    name = "AWS::IAM::ManagedPolicy"
    named_by = "ManagedPolicyName"
    properties = {
        "Description": Property(str, replacement=True),
        "Groups": Property([str]),
        "ManagedPolicyName": Property(str, replacement=True),
        "Path": Property(str, replacement=True),
        "PolicyDocument": Property(JSON, required=True),
        "Roles": Property([str]),
        "Users": Property([str]),
    }
    attributes = (
        "PolicyArn",
        "PolicyId",
        "AttachmentCount",
        "CreateDate",
        "UpdateDate",
        "DefaultVersionId",
        "IsAttachable",
        "PermissionsBoundaryUsageCount",
    )

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        chosen = properties.get("ManagedPolicyName")
        name = chosen or context.physical_name(128)
        path = properties.get("Path", "/")
        request = {"PolicyName": name, "Path": path, "PolicyDocument": document_text(properties["PolicyDocument"])}
        if "Description" in properties:
            request["Description"] = properties["Description"]
        arn = f"arn:{context.partition}:iam::{context.account}:policy{path}{name}"
        try:
            await context.invoke("iam", "CreatePolicy", request)
        except AwsError as error:
            # A name that the stack made is its own, from a step that was killed; one that the template chose is taken.
            if chosen or error.code != "EntityAlreadyExists":
                raise
        try:
            await self._bring_attachments(context, arn, {}, properties)
        except AwsError:
            await self.delete(context, arn, properties)
            raise
        return Created(arn, await self._described(context, arn))

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated:
        await self._bring_document(context, physical_id, new["PolicyDocument"])
        await self._bring_attachments(context, physical_id, old, new)
        return Updated(await self._described(context, physical_id))

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        await self._bring_attachments(context, physical_id, properties, {})
        request = {"PolicyArn": physical_id}
        found = await context.invoke_unless_gone("iam", "ListPolicyVersions", request, gone=GONE)
        if found is None:
            return
        for version in found["Versions"]:
            if not version["IsDefaultVersion"]:
                gone = request | {"VersionId": version["VersionId"]}
                await context.invoke_unless_gone("iam", "DeletePolicyVersion", gone, gone=GONE)
        await context.invoke_unless_gone("iam", "DeletePolicy", request, gone=GONE)

    async def _bring_document(self, context: ResourceContext, arn: str, document: Any) -> None:
        """A new default version; the oldest one goes where there is no room for it."""
        text = document_text(document)
        versions = (await context.invoke("iam", "ListPolicyVersions", {"PolicyArn": arn}))["Versions"]
        default = next(version for version in versions if version["IsDefaultVersion"])
        request = {"PolicyArn": arn, "VersionId": default["VersionId"]}
        present = (await context.invoke("iam", "GetPolicyVersion", request))["PolicyVersion"]["Document"]
        if unquote(present) == text:
            return
        if len(versions) >= _MAX_VERSIONS:
            oldest = [version for version in versions if not version["IsDefaultVersion"]][-1]
            await context.invoke("iam", "DeletePolicyVersion", {"PolicyArn": arn, "VersionId": oldest["VersionId"]})
        request = {"PolicyArn": arn, "PolicyDocument": text, "SetAsDefault": True}
        await context.invoke("iam", "CreatePolicyVersion", request)

    async def _bring_attachments(
        self, context: ResourceContext, arn: str, old: dict[str, Any], new: dict[str, Any]
    ) -> None:
        for kind in _KINDS:
            wanted = new.get(f"{kind}s", [])
            for name in old.get(f"{kind}s", []):
                if name not in wanted:
                    request = {f"{kind}Name": name, "PolicyArn": arn}
                    await context.invoke_unless_gone("iam", f"Detach{kind}Policy", request, gone=GONE)
            for name in wanted:
                await context.invoke("iam", f"Attach{kind}Policy", {f"{kind}Name": name, "PolicyArn": arn})

    async def _described(self, context: ResourceContext, arn: str) -> dict[str, Any]:
        policy = (await context.invoke("iam", "GetPolicy", {"PolicyArn": arn}))["Policy"]
        return {
            "PolicyArn": arn,
            "PolicyId": policy["PolicyId"],
            "AttachmentCount": policy["AttachmentCount"],
            "CreateDate": policy["CreateDate"].isoformat(),
            "UpdateDate": policy["UpdateDate"].isoformat(),
            "DefaultVersionId": policy["DefaultVersionId"],
            "IsAttachable": policy["IsAttachable"],
            "PermissionsBoundaryUsageCount": policy["PermissionsBoundaryUsageCount"],
        }


class Policy(ResourceType):
    """One inline policy in several users, groups and roles."""

    name = "AWS::IAM::Policy"
    properties = {
        "Groups": Property([str]),
        "PolicyDocument": Property(JSON, required=True),
        "PolicyName": Property(str, required=True),
        "Roles": Property([str]),
        "Users": Property([str]),
    }
    attributes = ("Id",)

    def check(self, properties: dict[str, Any]) -> None:
        if not any(f"{kind}s" in properties for kind in _KINDS):
            raise InvalidProperty("At least one of [Groups,Roles,Users] must be non-empty.")

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        await self._bring(context, {}, properties)
        name = context.physical_name(128)
        return Created(name, {"Id": name})

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> None:
        await self._bring(context, old, new)

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        await self._bring(context, properties, {})

    async def _bring(self, context: ResourceContext, old: dict[str, Any], new: dict[str, Any]) -> None:
        before, after = _holders(old), _holders(new)
        for kind, name, policy_name in before:
            if (kind, name, policy_name) not in after:
                await delete_inline(context, kind, name, policy_name)
        for kind, name, policy_name in after:
            await put_inline(context, kind, name, policy_name, new["PolicyDocument"])


def _holders(properties: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(kind, name, properties["PolicyName"]) for kind in _KINDS for name in properties.get(f"{kind}s", [])]


class _InlinePolicy(ResourceType):
    """One inline policy of one user, group or role."""

    kind: ClassVar[str]

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        await self.update(context, "", {}, properties)
        return Created(f"{properties['PolicyName']}|{properties[f'{self.kind}Name']}")

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> None:
        await put_inline(context, self.kind, new[f"{self.kind}Name"], new["PolicyName"], new["PolicyDocument"])

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        await delete_inline(context, self.kind, properties[f"{self.kind}Name"], properties["PolicyName"])


def _inline_properties(kind: str) -> dict[str, Property]:
    return {
        "PolicyDocument": Property(JSON, required=True),
        "PolicyName": Property(str, required=True, replacement=True),
        f"{kind}Name": Property(str, required=True, replacement=True),
    }


class RolePolicy(_InlinePolicy):
    name = "AWS::IAM::RolePolicy"
    kind = "Role"
    properties = _inline_properties("Role")


class UserPolicy(_InlinePolicy):
    name = "AWS::IAM::UserPolicy"
    kind = "User"
    properties = _inline_properties("User")


class GroupPolicy(_InlinePolicy):
    name = "AWS::IAM::GroupPolicy"
    kind = "Group"
    properties = _inline_properties("Group")
