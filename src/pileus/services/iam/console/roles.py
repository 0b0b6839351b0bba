"""The list of roles; one of them, who may assume it, its tags and boundary."""

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.iam.console.kinds import back, document, named, page, some_of

TRUST = """{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": { "Service": "lambda.amazonaws.com" },
      "Action": "sts:AssumeRole"
    }
  ]
}"""


async def show_all(visit: Visit) -> Page:
    answer, more = await some_of(visit, "ListRoles", {}, "roles")
    return Page("roles.html", "Roles", {"roles": answer["Roles"], "more": more, "trust": TRUST})


async def create(visit: Visit) -> Redirect:
    name = visit.typed("name")
    asked = {
        "RoleName": name,
        "Path": visit.typed("under") or "/",
        "AssumeRolePolicyDocument": visit.typed("trust"),
        "Description": visit.typed("description"),
    }
    await visit.invoke("CreateRole", asked)
    return Redirect(visit.url("roles", name), f"The role {name} is there, and may do nothing yet.")


async def show(visit: Visit) -> Page:
    role = (await visit.invoke("GetRole", named(visit)))["Role"]
    trust = document(role["AssumeRolePolicyDocument"])
    return page(visit, "role.html", {"role": role, "trust": trust, "here": "overview"})


async def set_trust(visit: Visit) -> Redirect:
    await visit.invoke("UpdateAssumeRolePolicy", named(visit, PolicyDocument=visit.typed("trust")))
    return back(visit, "The trust policy is in force.")


async def update(visit: Visit) -> Redirect:
    longest_s = visit.whole("session", "The longest session")
    asked = named(visit, Description=visit.typed("description"), MaxSessionDuration=longest_s)
    await visit.invoke("UpdateRole", asked)
    return back(visit, "The role is changed.")
