"""Contributor insights, which nothing has: enabling them is not there yet (501).

Source: API reference, DescribeContributorInsights, ListContributorInsights, UpdateContributorInsights; what they answer of
what was never enabled was recorded on AWS in October 2026.
"""

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs, ValidationException
from pileus.services.dynamodb.addresses import Address, of_name
from pileus.services.dynamodb.errors import ResourceNotFoundException, TableNotFound
from pileus.services.dynamodb.state import tables
from pileus.store.transaction import Transaction


async def describe_contributor_insights(call: Call, request: dict) -> dict:
    """Whether a table or a global index has insights: no.

    errors   ResourceNotFoundException, also of a table that is being created and of a local index
    source   DynamoDB API reference, DescribeContributorInsights
    """
    return await _disabled(call, request)


async def list_contributor_insights(call: Call, request: dict) -> dict:
    """The tables and indexes that have insights: none. AWS leaves out what is DISABLED.

    errors   ResourceNotFoundException
    source   DynamoDB API reference, ListContributorInsights
    """
    if request.get("NextToken"):
        raise ValidationException("Invalid NextToken")  # nobody was given one
    if request.get("TableName"):
        await call.read(_require, of_name(call, request["TableName"]), "")
    return {"ContributorInsightsSummaries": []}


async def update_contributor_insights(call: Call, request: dict) -> dict:
    """Disable the insights of a table or a global index, which has none: AWS answers that with success.

    errors   ResourceNotFoundException
    source   DynamoDB API reference, UpdateContributorInsights
    """
    if request["ContributorInsightsAction"] != "DISABLE":
        raise NotImplementedByUs("dynamodb:UpdateContributorInsights with ContributorInsightsAction ENABLE")
    return await _disabled(call, request)


async def _disabled(call: Call, request: dict) -> dict:
    address, index = of_name(call, request["TableName"]), request.get("IndexName") or ""
    await call.read(_require, address, index)
    of_index = {"IndexName": index} if index else {}
    return {"TableName": address.name, **of_index, "ContributorInsightsStatus": "DISABLED"}


def _require(tx: Transaction, address: Address, index_name: str) -> None:
    table = tables.named(tx, address)
    if table.status == "CREATING":
        raise TableNotFound(table.name)
    index = table.index(index_name) if index_name else None
    if index_name and (index is None or index.is_local):
        raise ResourceNotFoundException(
            f"Requested resource not found: Index: {index_name} not found for table: {table.name}"
        )
