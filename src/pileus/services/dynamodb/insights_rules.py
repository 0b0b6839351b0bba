"""The handler that makes and deletes the rules of contributor insights in CloudWatch, as DynamoDB's service-linked role.

Source: developer guide, "Using IAM with CloudWatch contributor insights for DynamoDB" ("Service-linked role"). That the
rules are made together or not at all, and what insights say where CloudWatch has no room, was recorded on AWS in October
2026.
"""

from typing import Any

import orjson

from pileus.authn.linked_roles import DYNAMODB_INSIGHTS
from pileus.kernel.call import Call
from pileus.kernel.errors import AwsError
from pileus.kernel.principal import Principal, root
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.state import insights, tables
from pileus.services.dynamodb.state.records import Insights, SecondaryIndex, TableRecord
from pileus.store.events import Event

LIMIT_EXCEEDED = "LimitExceededException"
LIMIT_REACHED = (
    "Amazon CloudWatch Contributor Insights rule limit reached. Please disable Contributor Insights for other "
    "tables/indexes OR disable other CloudWatch Contributor Insights rules before retrying."
)


async def change(cloud: Any, event: Event) -> None:
    """Do what was asked for last; what an index or a table left behind goes."""
    address = Address(*event.payload["table"])
    call = cloud.call(
        "dynamodb",
        "UpdateContributorInsights",
        principal=root(address.account),
        account=address.account,
        region=address.region,
    )
    await DYNAMODB_INSIGHTS.ensure(call)  # whoever enabled them was asked; it may have been deleted since
    if "rules" in event.payload:
        await _delete(call, await DYNAMODB_INSIGHTS.session(call), event.payload["rules"])
        return
    index_name = event.payload["index"]
    table = await call.read(tables.find, address)
    asked = None if table is None else table.insights.get(index_name)
    if asked is None or asked.status not in ("ENABLING", "DISABLING"):
        return
    index = table.index(index_name) if index_name else None
    failure = None
    try:
        await _bring(call, table, index, asked)
    except AwsError as error:
        if error.is_fault:
            raise
        failure = (error.code, LIMIT_REACHED if error.code == LIMIT_EXCEEDED else error.message)
    await call.write(insights.settle, table.id, index_name, asked, failure)


async def _bring(call: Call, table: TableRecord, index: SecondaryIndex | None, asked: Insights) -> None:
    session = await DYNAMODB_INSIGHTS.session(call)
    everything = insights.rules_of(table, index)
    wanted = insights.rules_of(table, index, asked.mode) if asked.status == "ENABLING" else {}
    await _delete(call, session, [rule for rule in everything if rule not in wanted])
    made: list[str] = []
    for rule, kind in wanted.items():
        try:
            await call.invoke("cloudwatch", "PutInsightRule", _rule(rule, kind), principal=session)
        except AwsError:
            await _delete(call, session, made)
            raise
        made.append(rule)


def _rule(name: str, kind: str) -> dict:
    keys = ["$.PartitionKey", "$.SortKey"] if kind.startswith("S") else ["$.PartitionKey"]
    value = "$.ThrottleCount" if kind.endswith("T") else "$.ConsumedThroughputUnits"
    definition = {
        "Schema": {"Name": "ServiceLogRule", "Version": 1},
        "AggregateOn": "Sum",
        "Contribution": {"Keys": keys, "ValueOf": value},
    }
    return {"RuleName": name, "RuleState": "ENABLED", "RuleDefinition": orjson.dumps(definition).decode()}


async def _delete(call: Call, session: Principal, rules: list[str]) -> None:
    """Those that are there; of the others CloudWatch says so and deletes the rest."""
    if rules:
        await call.invoke("cloudwatch", "DeleteInsightRules", {"RuleNames": rules}, principal=session)
