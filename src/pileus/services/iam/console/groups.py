"""The list of groups; one of them and who is in it."""

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.iam.console.kinds import back, named, page, some_of


async def show_all(visit: Visit) -> Page:
    answer, more = await some_of(visit, "ListGroups", {}, "groups")
    return Page("groups.html", "Groups", {"groups": answer["Groups"], "more": more})


async def create(visit: Visit) -> Redirect:
    name = visit.typed("name")
    await visit.invoke("CreateGroup", {"GroupName": name, "Path": visit.typed("under") or "/"})
    return Redirect(visit.url("groups", name), f"The group {name} is there.")


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


async def delete(visit: Visit) -> Redirect:
    name = visit.labels["Group"]
    visit.must_be(name)
    await visit.invoke("DeleteGroup", {"GroupName": name})
    return Redirect(visit.url("groups"), f"The group {name} is deleted.")
