"""What stacks export, and who imports it."""

from pileus.kernel.errors import AwsError
from pileus.kernel.pages import Page, Visit


async def show(visit: Visit) -> Page:
    """All exports; of the one that the query names also the stacks that import it, which is a call for each export."""
    answer = await visit.invoke("ListExports", {"NextToken": visit.query["from"]} if visit.query.get("from") else {})
    last, chosen = answer.get("NextToken", ""), visit.query.get("export", "")
    values = {
        "exports": answer["Exports"],
        "chosen": chosen,
        "importers": await _importers(visit, chosen) if chosen else [],
        "more": visit.url("exports", **{"from": last}) if last else "",
        "here": visit.query.get("from", ""),
    }
    return Page("exports.html", "Exports", values)


async def _importers(visit: Visit, name: str) -> list[str]:
    """Names of stacks. That there are none, CloudFormation says by an error."""
    try:
        return (await visit.invoke("ListImports", {"ExportName": name}))["Imports"]
    except AwsError as error:
        if error.code != "ValidationError":
            raise
        return []
