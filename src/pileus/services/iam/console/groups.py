"""The list of groups; one of them and who is in it."""

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.iam.console import kinds
from pileus.services.iam.console.kinds import back, named, page, some_of


async def show_all(visit: Visit) -> Page:
    return await kinds.listed(visit, "Group")


async def create(visit: Visit) -> Redirect:
    return await kinds.create(visit, "Group", "is there")


async def show(visit: Visit) -> Page:
    answer, more = await some_of(visit, "GetGroup", named(visit), "groups", visit.labels["Group"])
    values = {"group": answer["Group"], "users": answer["Users"], "more": more, "here": "overview"}
    return page(visit, "group.html", values)


async def add(visit: Visit) -> Redirect:
    user = visit.typed("user")
    await visit.invoke("AddUserToGroup", named(visit, UserName=user))
    return back(visit, f"The user {user} is in the group.")


async def remove(visit: Visit) -> Redirect:
    user = visit.typed("user")
    await visit.invoke("RemoveUserFromGroup", named(visit, UserName=user))
    return back(visit, f"The user {user} is no longer in the group.")
