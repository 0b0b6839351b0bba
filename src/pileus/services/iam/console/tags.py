"""Tags of users, roles and policies."""

from pileus.kernel.pages import Redirect, Visit
from pileus.services.iam.console.kinds import back, kind, named


async def tag(visit: Visit) -> Redirect:
    tags = [{"Key": visit.typed("key"), "Value": visit.typed("value")}]
    await visit.invoke(f"Tag{kind(visit)}", named(visit, Tags=tags))
    return back(visit, "The tag is set.")


async def untag(visit: Visit) -> Redirect:
    await visit.invoke(f"Untag{kind(visit)}", named(visit, TagKeys=[visit.form.get("key", "")]))
    return back(visit, "The tag is gone.")
