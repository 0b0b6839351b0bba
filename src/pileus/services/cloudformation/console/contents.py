"""What happened to a stack, what it consists of, and its template."""

from pileus.kernel.pages import Page, Visit
from pileus.services.cloudformation.console.stacks import described, of_stack


async def show_events(visit: Visit) -> Page:
    """The newest first."""
    return await _listed(visit, "DescribeStackEvents", "StackEvents", "events")


async def show_resources(visit: Visit) -> Page:
    return await _listed(visit, "ListStackResources", "StackResourceSummaries", "resources")


async def _listed(visit: Visit, operation: str, member: str, here: str) -> Page:
    stack = await described(visit)
    asked = {"StackName": stack["StackId"]}
    if visit.query.get("from"):
        asked["NextToken"] = visit.query["from"]
    answer = await visit.invoke(operation, asked)
    last = answer.get("NextToken", "")
    more = visit.url("stacks", visit.labels["stack"], here, **{"from": last}) if last else ""
    return of_stack(visit, f"{here}.html", here, stack, rows=answer[member], more=more)


async def show_template(visit: Visit) -> Page:
    """As it was given, or (stage=Processed) with its transforms done."""
    stack = await described(visit)
    stage = "Processed" if visit.query.get("stage") == "Processed" else "Original"
    answer = await visit.invoke("GetTemplate", {"StackName": stack["StackId"], "TemplateStage": stage})
    values = {"text": answer["TemplateBody"], "stage": stage, "stages": answer["StagesAvailable"]}
    return of_stack(visit, "template.html", "template", stack, **values)
