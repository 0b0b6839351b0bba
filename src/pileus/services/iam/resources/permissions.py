"""What a user, group or role of a stack is given: managed policies, inline ones, a boundary, tags.

Each function brings one of them from `old` properties to `new`. What somebody else attached stays: only what the old
properties named is taken away.
"""

import json
from collections.abc import Mapping
from typing import Any

from pileus.kernel import tags as kernel_tags
from pileus.stacks.property_types import JSON, Property
from pileus.stacks.resource import ResourceContext

GONE = ("NoSuchEntity",)
POLICIES = [{"PolicyName": Property(str, required=True), "PolicyDocument": Property(JSON, required=True)}]

Properties = Mapping[str, Any]


def document_text(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"))


def own_tags(context: ResourceContext, properties: Properties) -> dict[str, str]:
    """The stack's tags and the resource's. IAM's public operations refuse keys that begin with aws:, whoever calls."""
    tags = context.tags_with(properties.get("Tags"))
    return {key: value for key, value in tags.items() if not key.lower().startswith("aws:")}


async def bring(context: ResourceContext, kind: str, name: str, old: Properties, new: Properties) -> None:
    await bring_managed(context, kind, name, old, new)
    await bring_inline(context, kind, name, old, new)
    if kind != "Group":
        await bring_boundary(context, kind, name, old, new)
        await bring_tags(context, kind, name, old, new)


async def take_away(context: ResourceContext, kind: str, name: str, properties: Properties) -> None:
    """What must go before the entity itself can be deleted."""
    await bring_managed(context, kind, name, properties, {})
    await bring_inline(context, kind, name, properties, {})


async def bring_managed(context: ResourceContext, kind: str, name: str, old: Properties, new: Properties) -> None:
    wanted = new.get("ManagedPolicyArns", [])
    for arn in old.get("ManagedPolicyArns", []):
        if arn not in wanted:
            request = {f"{kind}Name": name, "PolicyArn": arn}
            await context.invoke_unless_gone("iam", f"Detach{kind}Policy", request, gone=GONE)
    for arn in wanted:
        await context.invoke("iam", f"Attach{kind}Policy", {f"{kind}Name": name, "PolicyArn": arn})


async def bring_inline(context: ResourceContext, kind: str, name: str, old: Properties, new: Properties) -> None:
    wanted = {policy["PolicyName"]: policy["PolicyDocument"] for policy in new.get("Policies", [])}
    for policy in old.get("Policies", []):
        if policy["PolicyName"] not in wanted:
            await delete_inline(context, kind, name, policy["PolicyName"])
    for policy_name, document in wanted.items():
        await put_inline(context, kind, name, policy_name, document)


async def put_inline(context: ResourceContext, kind: str, name: str, policy_name: str, document: Any) -> None:
    await context.invoke(
        "iam",
        f"Put{kind}Policy",
        {f"{kind}Name": name, "PolicyName": policy_name, "PolicyDocument": document_text(document)},
    )


async def delete_inline(context: ResourceContext, kind: str, name: str, policy_name: str) -> None:
    request = {f"{kind}Name": name, "PolicyName": policy_name}
    await context.invoke_unless_gone("iam", f"Delete{kind}Policy", request, gone=GONE)


async def bring_boundary(context: ResourceContext, kind: str, name: str, old: Properties, new: Properties) -> None:
    before, after = old.get("PermissionsBoundary"), new.get("PermissionsBoundary")
    if after and after != before:
        request = {f"{kind}Name": name, "PermissionsBoundary": after}
        await context.invoke("iam", f"Put{kind}PermissionsBoundary", request)
    elif before and not after:
        request = {f"{kind}Name": name}
        await context.invoke_unless_gone("iam", f"Delete{kind}PermissionsBoundary", request, gone=GONE)


async def bring_tags(context: ResourceContext, kind: str, name: str, old: Properties, new: Properties) -> None:
    before = (await context.invoke("iam", f"List{kind}Tags", {f"{kind}Name": name}))["Tags"]
    after = own_tags(context, new)
    named_before = own_tags(context, old)
    gone = [tag["Key"] for tag in before if tag["Key"] in named_before and tag["Key"] not in after]
    if gone:
        await context.invoke("iam", f"Untag{kind}", {f"{kind}Name": name, "TagKeys": gone})
    if after and after != kernel_tags.from_list(before):
        await context.invoke("iam", f"Tag{kind}", {f"{kind}Name": name, "Tags": kernel_tags.to_list(after)})
