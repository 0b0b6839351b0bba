"""A stack's change sets: what each would change, and its execution."""

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.cloudformation.console.stacks import described, of_stack, refresh_s


async def show_all(visit: Visit) -> Page:
    stack = await described(visit)
    answer = await visit.invoke("ListChangeSets", {"StackName": stack["StackId"]})
    page = of_stack(visit, "change_sets.html", "change-sets", stack, rows=answer["Summaries"])
    page.refresh_s = page.refresh_s or refresh_s(visit, *(each["Status"] for each in answer["Summaries"]))
    return page


async def show(visit: Visit) -> Page:
    named = _named(visit)
    asked = {**named, **({"NextToken": visit.query["from"]} if visit.query.get("from") else {})}
    change_set = await visit.invoke("DescribeChangeSet", asked)
    last = change_set.get("NextToken", "")
    values = {
        "change_set": change_set,
        "changes": [each["ResourceChange"] for each in change_set.get("Changes", ())],
        "text": (await visit.invoke("GetTemplate", named))["TemplateBody"],
        "more": visit.url(*_place(visit), **{"from": last}) if last else "",
    }
    stack, name = visit.labels["stack"], change_set["ChangeSetName"]
    above = (
        ("Stacks", visit.url("stacks")),
        (change_set["StackName"], visit.url("stacks", stack)),
        ("Change sets", visit.url("stacks", stack, "change-sets")),
    )
    seconds = refresh_s(visit, change_set["Status"], change_set["ExecutionStatus"])
    return Page("change_set.html", name, values, trail=above, refresh_s=seconds)


async def execute(visit: Visit) -> Redirect:
    await visit.invoke("ExecuteChangeSet", _named(visit))
    return Redirect(visit.url("stacks", visit.labels["stack"], "events"), "The change set is being executed.")


async def delete(visit: Visit) -> Redirect:
    visit.must_be(visit.labels["change_set"])
    await visit.invoke("DeleteChangeSet", _named(visit))
    return Redirect(visit.url("stacks", visit.labels["stack"], "change-sets"), "The change set is deleted.")


def _named(visit: Visit) -> dict:
    return {"StackName": visit.labels["stack"], "ChangeSetName": visit.labels["change_set"]}


def _place(visit: Visit) -> tuple[str, ...]:
    return "stacks", visit.labels["stack"], "change-sets", visit.labels["change_set"]
