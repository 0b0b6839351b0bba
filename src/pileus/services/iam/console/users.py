"""The list of users; one of them, its groups, tags and boundary."""

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.iam.console.kinds import all_of, back, named, page, some_of


async def show_all(visit: Visit) -> Page:
    answer, more = await some_of(visit, "ListUsers", {}, "users")
    return Page("users.html", "Users", {"users": answer["Users"], "more": more})


async def create(visit: Visit) -> Redirect:
    name = visit.typed("name")
    await visit.invoke("CreateUser", {"UserName": name, "Path": visit.typed("under") or "/"})
    return Redirect(visit.url("users", name), f"The user {name} is there, and may do nothing yet.")


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


async def delete(visit: Visit) -> Redirect:
    name = visit.labels["User"]
    visit.must_be(name)
    await visit.invoke("DeleteUser", {"UserName": name})
    return Redirect(visit.url("users"), f"The user {name} is deleted.")
