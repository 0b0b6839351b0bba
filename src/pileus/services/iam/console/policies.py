"""Managed policies: the list; one of them, its versions, and who has it."""

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.iam.console.kinds import ALLOWING, all_of, back, document, named, page, some_of

SCOPES = (("Local", "the account's"), ("AWS", "AWS's"), ("All", "all"))
KINDS = (("User", "users"), ("Group", "groups"), ("Role", "roles"))


async def show_all(visit: Visit) -> Page:
    scope, attached = visit.query.get("scope", "Local"), visit.query.get("attached", "")
    asked = {"Scope": scope, "OnlyAttached": bool(attached)}
    answer, more = await some_of(visit, "ListPolicies", asked, "policies", scope=scope, attached=attached)
    values = {
        "policies": answer["Policies"],
        "more": more,
        "scopes": SCOPES,
        "scope": scope,
        "attached": attached,
        "allowing": ALLOWING,
    }
    return Page("policies.html", "Policies", values)


async def create(visit: Visit) -> Redirect:
    asked = {
        "PolicyName": visit.typed("name"),
        "Path": visit.typed("under") or "/",
        "Description": visit.typed("description"),
        "PolicyDocument": visit.typed("document"),
    }
    policy = (await visit.invoke("CreatePolicy", asked))["Policy"]
    return Redirect(visit.url("policies", policy["Arn"]), f"The policy {policy['PolicyName']} is there.")


async def show(visit: Visit) -> Page:
    policy = (await visit.invoke("GetPolicy", named(visit)))["Policy"]
    versions = await all_of(visit, "ListPolicyVersions", "Versions", named(visit))
    chosen = visit.query.get("version") or policy["DefaultVersionId"]
    version = (await visit.invoke("GetPolicyVersion", named(visit, VersionId=chosen)))["PolicyVersion"]
    values = {
        "policy": policy,
        "versions": versions,
        "chosen": chosen,
        "text": document(version["Document"]),
        "is_own": policy["Arn"].split(":")[4] != "aws",
        "here": "versions",
    }
    return page(visit, "policy.html", values, title=policy["PolicyName"])


async def show_entities(visit: Visit) -> Page:
    """Who has it, as a policy or as the boundary."""
    arn = visit.labels["Policy"]
    usage = visit.query.get("usage", "PermissionsPolicy")
    asked = named(visit, PolicyUsageFilter=usage)
    answer, more = await some_of(visit, "ListEntitiesForPolicy", asked, "policies", arn, "entities", usage=usage)
    entities = [
        {"kind": word, "name": each[f"{word}Name"], "to": visit.url(place, each[f"{word}Name"])}
        for word, place in KINDS
        for each in answer[f"Policy{word}s"]
    ]
    values = {"entities": entities, "more": more, "usage": usage, "here": "entities"}
    return page(visit, "entities.html", values, title=_name(arn))


async def create_version(visit: Visit) -> Redirect:
    asked = named(visit, PolicyDocument=visit.typed("document"), SetAsDefault=visit.typed("default") == "true")
    version = (await visit.invoke("CreatePolicyVersion", asked))["PolicyVersion"]["VersionId"]
    return back(visit, f"The version {version} is there.")


async def set_default(visit: Visit) -> Redirect:
    version = visit.typed("version")
    await visit.invoke("SetDefaultPolicyVersion", named(visit, VersionId=version))
    return back(visit, f"The version {version} is in force.")


async def delete_version(visit: Visit) -> Redirect:
    version = visit.form.get("version", "")
    visit.must_be(version)
    await visit.invoke("DeletePolicyVersion", named(visit, VersionId=version))
    return back(visit, f"The version {version} is deleted.")


async def delete(visit: Visit) -> Redirect:
    name = _name(visit.labels["Policy"])
    visit.must_be(name)
    await visit.invoke("DeletePolicy", named(visit))
    return Redirect(visit.url("policies"), f"The policy {name} is deleted.")


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]
