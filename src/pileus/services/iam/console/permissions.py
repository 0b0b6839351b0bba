"""What a user, group or role may do: attached and inline policies, and the boundary of users and roles."""

from pileus.kernel.errors import ValidationException
from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.iam.console.kinds import all_of, back, document, kind, named, page


async def show(visit: Visit) -> Page:
    word = kind(visit)
    attached = await all_of(visit, f"ListAttached{word}Policies", "AttachedPolicies", named(visit))
    inline = await all_of(visit, f"List{word}Policies", "PolicyNames", named(visit))
    return page(visit, "permissions.html", {"attached": attached, "inline": inline, "here": "permissions"})


async def attach(visit: Visit) -> Redirect:
    await visit.invoke(f"Attach{kind(visit)}Policy", named(visit, PolicyArn=visit.typed("arn")))
    return back(visit, "The policy is attached.", "permissions")


async def detach(visit: Visit) -> Redirect:
    await visit.invoke(f"Detach{kind(visit)}Policy", named(visit, PolicyArn=visit.typed("arn")))
    return back(visit, "The policy is detached.", "permissions")


async def show_inline(visit: Visit) -> Page:
    """The inline policy that the query names, or the form of a new one."""
    policy, text = visit.query.get("policy", ""), ""
    if policy:
        answer = await visit.invoke(f"Get{kind(visit)}Policy", named(visit, PolicyName=policy))
        text = document(answer["PolicyDocument"])
    return page(visit, "inline.html", {"policy": policy, "text": text, "here": "permissions"})


async def put_inline(visit: Visit) -> Redirect:
    """PutUserPolicy would replace a policy of that name: where a new one finds one, nothing is done."""
    policy = visit.query.get("policy") or visit.typed("policy")
    if not visit.query.get("policy"):
        taken = await all_of(visit, f"List{kind(visit)}Policies", "PolicyNames", named(visit))
        if policy in taken:
            raise ValidationException(f"There is an inline policy {policy} already.")
    asked = named(visit, PolicyName=policy, PolicyDocument=visit.typed("document"))
    await visit.invoke(f"Put{kind(visit)}Policy", asked)
    return back(visit, f"The inline policy {policy} is in force.", "permissions")


async def delete_inline(visit: Visit) -> Redirect:
    policy = visit.typed("policy")
    visit.must_be(policy)
    await visit.invoke(f"Delete{kind(visit)}Policy", named(visit, PolicyName=policy))
    return back(visit, f"The inline policy {policy} is deleted.", "permissions")


async def set_boundary(visit: Visit) -> Redirect:
    """An empty text takes it away."""
    arn = visit.typed("boundary")
    if arn:
        await visit.invoke(f"Put{kind(visit)}PermissionsBoundary", named(visit, PermissionsBoundary=arn))
        return back(visit, "The boundary is in force.")
    await visit.invoke(f"Delete{kind(visit)}PermissionsBoundary", named(visit))
    return back(visit, "There is no boundary any more.")
