"""Contributor insights: rules in CloudWatch that count which keys are accessed and throttled most.

Source: API reference, DescribeContributorInsights, ListContributorInsights, UpdateContributorInsights; developer guide,
"CloudWatch contributor insights for DynamoDB: How it works". What they answer of each status was recorded on AWS in
October 2026.
"""

from itertools import islice

from pileus.authn.linked_roles import DYNAMODB_INSIGHTS
from pileus.kernel.call import Call
from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.addresses import Address, of_name
from pileus.services.dynamodb.descriptions import moment
from pileus.services.dynamodb.page_tokens import read_token, token
from pileus.services.dynamodb.state import insights
from pileus.services.dynamodb.state.records import TABLES, TableRecord
from pileus.store.transaction import Transaction

LISTED_MAX = 100


async def describe_contributor_insights(call: Call, request: dict) -> dict:
    """Whether a table or a global index has insights, and the names of their rules.

    errors   ResourceNotFoundException, also of a table that is being created and of a local index
    source   DynamoDB API reference, DescribeContributorInsights
    """
    address, index_name = _named(call, request)
    table, index = await call.read(insights.find, address, index_name)
    out = _standing_out(table, index_name)
    found = table.insights.get(index_name)
    if found is not None:
        out["LastUpdateDateTime"] = moment(found.changed_at_ms)
        if found.status == "ENABLED":
            out["ContributorInsightsRuleList"] = list(insights.rules_of(table, index, found.mode))
        if found.failure is not None:
            name, said = found.failure
            out["FailureException"] = {"ExceptionName": name, "ExceptionDescription": said}
    return out


async def list_contributor_insights(call: Call, request: dict) -> dict:
    """The tables and indexes that have insights, by name; what is DISABLED is left out.

    errors   ResourceNotFoundException
    source   DynamoDB API reference, ListContributorInsights
    """
    after = read_token("insights", request.get("NextToken"))
    only = of_name(call, request["TableName"]) if request.get("TableName") else None
    if only is not None:
        await call.read(insights.find, only, "")
    limit = request.get("MaxResults") or LISTED_MAX
    if limit > LISTED_MAX:
        raise ValidationException(f"MaxResults must be less than or equal to {LISTED_MAX}")
    found = await call.read(_listed, only or Address(call.account, call.region, ""), after, limit + 1)
    answer: dict = {"ContributorInsightsSummaries": [_standing_out(*one) for one in found[:limit]]}
    if len(found) > limit:
        table, index_name = found[limit - 1]
        answer["NextToken"] = token("insights", index_name, table.name)
    return answer


def _listed(tx: Transaction, of: Address, after: tuple[str, str] | None, limit: int) -> list[tuple[TableRecord, str]]:
    """Tables and names of indexes ("": the table itself). of: with an empty name, all tables of the region."""
    index_after, table_after = after or ("", "")
    if of.name:
        tables = [table for table in (TABLES.get(tx, *of),) if table is not None]
    else:
        tables = TABLES.scan(tx, of.account, of.region)
    found = (
        (table, name)
        for table in tables
        for name, one in sorted(table.insights.items())
        if one.status != "DISABLED" and (after is None or (table.name, name) > (table_after, index_after))
    )
    return list(islice(found, limit))


async def update_contributor_insights(call: Call, request: dict) -> dict:
    """Enable or disable the insights of a table or a global index, or change their mode; the status follows at once.

    request  UpdateContributorInsightsInput. ContributorInsightsMode is ACCESSED_AND_THROTTLED_KEYS where it isn't given
    errors   ResourceNotFoundException, ValidationException; AccessDeniedException: the first time, the caller must be
             allowed iam:CreateServiceLinkedRole
    source   DynamoDB API reference, UpdateContributorInsights
    """
    address, index_name = _named(call, request)
    if request["ContributorInsightsAction"] == "DISABLE":
        await call.write(insights.disable, address, index_name)
    else:
        await call.read(insights.find, address, index_name)
        await DYNAMODB_INSIGHTS.ensure(call)
        await call.write(
            insights.enable, address, index_name, request.get("ContributorInsightsMode") or insights.ALL_KEYS
        )
    table, _ = await call.read(insights.find, address, index_name)
    return _standing_out(table, index_name)


def _named(call: Call, request: dict) -> tuple[Address, str]:
    return of_name(call, request["TableName"]), request.get("IndexName") or ""


def _standing_out(table: TableRecord, index_name: str) -> dict:
    """ContributorInsightsSummary; what was never enabled has no mode."""
    out = {"TableName": table.name}
    if index_name:
        out["IndexName"] = index_name
    found = table.insights.get(index_name)
    if found is None:
        return out | {"ContributorInsightsStatus": "DISABLED"}
    return out | {"ContributorInsightsStatus": found.status, "ContributorInsightsMode": found.mode}
