"""The list of users; one of them, its groups, tags and boundary."""

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.iam.console import kinds
from pileus.services.iam.console.kinds import all_of, back, named, page


async def show_all(visit: Visit) -> Page:
    return await kinds.listed(visit, "User")


async def create(visit: Visit) -> Redirect:
    return await kinds.create(visit, "User", "is there, and may do nothing yet")


async def show(visit: Visit) -> Page:
    user = (await visit.invoke("GetUser", named(visit)))["User"]
    groups = await all_of(visit, "ListGroupsForUser", "Groups", named(visit))
    return page(visit, "user.html", {"user": user, "groups": groups, "here": "overview"})


async def join(visit: Visit) -> Redirect:
    group = visit.typed("group")
    await visit.invoke("AddUserToGroup", named(visit, GroupName=group))
    return back(visit, f"The user is in the group {group}.")


async def leave(visit: Visit) -> Redirect:
    group = visit.typed("group")
    await visit.invoke("RemoveUserFromGroup", named(visit, GroupName=group))
    return back(visit, f"The user is no longer in the group {group}.")
