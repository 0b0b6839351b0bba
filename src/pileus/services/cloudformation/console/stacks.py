"""The list of stacks, and one: its state, parameters, outputs and tags, and its end."""

from pileus.kernel.pages import Page, Redirect, Visit

REFRESH_S = 3
STATUSES = """
CREATE_IN_PROGRESS CREATE_FAILED CREATE_COMPLETE ROLLBACK_IN_PROGRESS ROLLBACK_FAILED ROLLBACK_COMPLETE
DELETE_IN_PROGRESS DELETE_FAILED DELETE_COMPLETE UPDATE_IN_PROGRESS UPDATE_COMPLETE_CLEANUP_IN_PROGRESS
UPDATE_COMPLETE UPDATE_FAILED UPDATE_ROLLBACK_IN_PROGRESS UPDATE_ROLLBACK_FAILED
UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS UPDATE_ROLLBACK_COMPLETE REVIEW_IN_PROGRESS IMPORT_IN_PROGRESS
IMPORT_COMPLETE IMPORT_ROLLBACK_IN_PROGRESS IMPORT_ROLLBACK_FAILED IMPORT_ROLLBACK_COMPLETE
""".split()  # noqa: SIM905
"""Source: API reference, ListStacks, StackStatusFilter."""

_ACTIVE = [status for status in STATUSES if status != "DELETE_COMPLETE"]
FILTERS = {
    "active": ("Active", _ACTIVE),
    "complete": ("Complete", [status for status in _ACTIVE if status.endswith("_COMPLETE")]),
    "failed": ("Failed", [status for status in _ACTIVE if status.endswith("_FAILED")]),
    "progress": ("In progress", [status for status in _ACTIVE if status.endswith("_IN_PROGRESS")]),
    "deleted": ("Deleted", ["DELETE_COMPLETE"]),
    "all": ("All", []),
}
"""Value of the query -> how it is called, and which statuses it lets through; [] is any."""


async def show_all(visit: Visit) -> Page:
    chosen = visit.query.get("status", "")
    chosen = chosen if chosen in FILTERS else "active"
    asked: dict = {"StackStatusFilter": FILTERS[chosen][1]}
    if visit.query.get("from"):
        asked["NextToken"] = visit.query["from"]
    answer = await visit.invoke("ListStacks", asked)
    stacks = answer["StackSummaries"]
    values = {
        "stacks": stacks,
        "status": chosen,
        "filters": [(name, label) for name, (label, _) in FILTERS.items()],
        "more": visit.url("stacks", **{"status": chosen, "from": answer.get("NextToken")})
        if answer.get("NextToken")
        else "",
    }
    return Page("stacks.html", "Stacks", values, refresh_s=refresh_s(visit, *(each["StackStatus"] for each in stacks)))


async def show(visit: Visit) -> Page:
    return of_stack(visit, "stack.html", "overview", await described(visit))


async def set_protection(visit: Visit) -> Redirect:
    is_on = visit.typed("enabled") == "true"
    asked = {"StackName": visit.labels["stack"], "EnableTerminationProtection": is_on}
    await visit.invoke("UpdateTerminationProtection", asked)
    return _back(visit, f"Termination protection is {'on' if is_on else 'off'}.")


async def cancel_update(visit: Visit) -> Redirect:
    await visit.invoke("CancelUpdateStack", {"StackName": visit.labels["stack"]})
    return _back(visit, "The update is being turned back.")


async def continue_rollback(visit: Visit) -> Redirect:
    asked = {"StackName": visit.labels["stack"], "ResourcesToSkip": _names(visit, "skipped")}
    await visit.invoke("ContinueUpdateRollback", asked)
    return _back(visit, "The rollback goes on.")


async def delete(visit: Visit) -> Redirect:
    stack = await described(visit)
    visit.must_be(stack["StackName"])
    asked = {"StackName": stack["StackId"]}
    if _names(visit, "retained"):
        asked["RetainResources"] = _names(visit, "retained")
    await visit.invoke("DeleteStack", asked)
    # Under its id it is still to be seen when it is gone.
    return Redirect(visit.url("stacks", stack["StackId"], "events"), "The stack is being deleted.")


async def described(visit: Visit) -> dict:
    """The stack that the address names, by name or id; a deleted one has only its id left."""
    return (await visit.invoke("DescribeStacks", {"StackName": visit.labels["stack"]}))["Stacks"][0]


def of_stack(visit: Visit, template: str, here: str, stack: dict, **values: object) -> Page:
    """One of a stack's pages. It asks again while the stack is on its way."""
    above = (("Stacks", visit.url("stacks")),)
    shown = {"stack": stack, "label": visit.labels["stack"], "here": here, **values}
    return Page(template, stack["StackName"], shown, trail=above, refresh_s=refresh_s(visit, stack["StackStatus"]))


def refresh_s(visit: Visit, *statuses: str) -> int:
    """Not while somebody types, and not on a later page, whose beginning would move."""
    is_busy = any(status.endswith(("IN_PROGRESS", "PENDING")) and status != "REVIEW_IN_PROGRESS" for status in statuses)
    return REFRESH_S if is_busy and not visit.form and not visit.query.get("from") else 0


def _names(visit: Visit, field: str) -> list[str]:
    return [name.strip() for name in visit.typed(field).split(",") if name.strip()]


def _back(visit: Visit, notice: str) -> Redirect:
    return Redirect(visit.url("stacks", visit.labels["stack"]), notice)
