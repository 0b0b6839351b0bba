"""Who may run which statements."""

import json

import pytest

from pileus.kernel.errors import AccessDenied
from pileus.kernel.principal import user

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/Orders"


@pytest.fixture
async def allowed(cloud):
    """allowed(statement, …): DynamoDB as a user with this policy sees it; with a table that has the order "a"."""
    await cloud.dynamodb.CreateTable(
        TableName="Orders",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "state", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-state",
                "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            },
        ],
    )
    await cloud.settle()
    await cloud.dynamodb.PutItem(TableName="Orders", Item={"id": {"S": "a"}, "n": {"N": "1"}})
    made = await cloud.iam.CreateUser(UserName="ann")

    async def as_ann(*statements: dict):
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        await cloud.iam.PutUserPolicy(UserName="ann", PolicyName="own", PolicyDocument=policy)
        return cloud.as_(user("000000000000", "ann", made["User"]["UserId"]), "dynamodb")

    return as_ann


def allow(action: str, resource: str = ARN, **condition) -> dict:
    found = {"Effect": "Allow", "Action": f"dynamodb:{action}", "Resource": resource}
    return found | ({"Condition": condition} if condition else {})


STATEMENTS = {
    "PartiQLSelect": "SELECT * FROM Orders WHERE id = 'a'",
    "PartiQLInsert": "INSERT INTO Orders VALUE {'id': 'b'}",
    "PartiQLUpdate": "UPDATE Orders SET n = 2 WHERE id = 'a'",
    "PartiQLDelete": "DELETE FROM Orders WHERE id = 'a'",
}


@pytest.mark.parametrize("action", STATEMENTS)
async def test_each_kind_of_statement_has_its_action(allowed, action):
    ann = await allowed(allow(action))
    for needed, statement in STATEMENTS.items():
        if needed == action:
            await ann.ExecuteStatement(Statement=statement)
            continue
        with pytest.raises(AccessDenied, match=f"perform: dynamodb:{needed} on resource: {ARN} "):
            await ann.ExecuteStatement(Statement=statement)


async def test_an_index_is_a_resource_of_its_own(allowed):
    ann = await allowed(allow("PartiQLSelect", f"{ARN}/index/by-state"))
    await ann.ExecuteStatement(Statement="""SELECT * FROM "Orders"."by-state" WHERE state = 'x'""")
    with pytest.raises(AccessDenied):
        await ann.ExecuteStatement(Statement="SELECT * FROM Orders WHERE id = 'a'")


async def test_full_table_scans_can_be_denied(allowed):
    deny = allow("PartiQLSelect", Bool={"dynamodb:FullTableScan": ["true"]}) | {"Effect": "Deny"}
    ann = await allowed(allow("PartiQLSelect"), deny)
    await ann.ExecuteStatement(Statement="SELECT * FROM Orders WHERE id = 'a' OR id = 'b'")
    for scan in ("SELECT * FROM Orders", "SELECT * FROM Orders WHERE id = 'a' OR n = 1"):
        with pytest.raises(AccessDenied, match="explicit deny"):
            await ann.ExecuteStatement(Statement=scan)


@pytest.mark.parametrize("action", STATEMENTS)
async def test_leading_keys_are_those_of_the_statement(cloud, allowed, action):
    of_ann = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["ann"]}, "Null": {"dynamodb:LeadingKeys": "false"}}
    ann = await allowed(allow(action, **of_ann))
    await cloud.dynamodb.PutItem(TableName="Orders", Item={"id": {"S": "ann"}})
    if action == "PartiQLInsert":
        await cloud.dynamodb.DeleteItem(TableName="Orders", Key={"id": {"S": "ann"}})
    own = STATEMENTS[action].replace("'a'", "'ann'").replace("'b'", "'ann'")
    await ann.ExecuteStatement(Statement=own)
    with pytest.raises(AccessDenied):
        await ann.ExecuteStatement(Statement=STATEMENTS[action])


async def test_attributes_are_all_that_a_statement_names(allowed):
    some = {"ForAllValues:StringEquals": {"dynamodb:Attributes": ["id", "n"]}}
    ann = await allowed(allow("PartiQLSelect", **some, StringEquals={"dynamodb:Select": "SPECIFIC_ATTRIBUTES"}))
    await ann.ExecuteStatement(Statement="SELECT n FROM Orders WHERE id = 'a'")
    for statement in (
        "SELECT * FROM Orders WHERE id = 'a'",
        "SELECT other FROM Orders WHERE id = 'a'",
        "SELECT n FROM Orders WHERE id = 'a' AND (n = 1 OR NOT size(other.x) > 1)",
    ):
        with pytest.raises(AccessDenied):
            await ann.ExecuteStatement(Statement=statement)


async def test_statements_know_the_operation_that_encloses_them(allowed):
    ann = await allowed(allow("PartiQL*", StringEquals={"dynamodb:EnclosingOperation": ["ExecuteTransaction"]}))
    update = {"Statement": STATEMENTS["PartiQLUpdate"]}
    await ann.ExecuteTransaction(TransactStatements=[update])
    with pytest.raises(AccessDenied):
        await ann.ExecuteStatement(**update)
    [denied] = (await ann.BatchExecuteStatement(Statements=[update]))["Responses"]
    assert denied["Error"]["Code"] == "AccessDenied"


async def test_a_batch_runs_the_statements_that_are_allowed(cloud, allowed):
    ann = await allowed(allow("PartiQLUpdate"))
    statements = [{"Statement": STATEMENTS[action]} for action in ("PartiQLDelete", "PartiQLUpdate")]
    denied, done = (await ann.BatchExecuteStatement(Statements=statements))["Responses"]
    assert denied["Error"]["Code"] == "AccessDenied"
    assert denied["Error"]["Message"].startswith(
        "User: arn:aws:iam::000000000000:user/ann is not authorized to perform"
    )
    assert "Error" not in done
    found = await cloud.dynamodb.GetItem(TableName="Orders", Key={"id": {"S": "a"}})
    assert found["Item"]["n"] == {"N": "2"}


async def test_a_transaction_needs_all_of_its_permissions(cloud, allowed):
    ann = await allowed(allow("PartiQLUpdate"))
    statements = [{"Statement": STATEMENTS[action]} for action in ("PartiQLUpdate", "PartiQLInsert")]
    with pytest.raises(AccessDenied):
        await ann.ExecuteTransaction(TransactStatements=statements)
    found = await cloud.dynamodb.GetItem(TableName="Orders", Key={"id": {"S": "a"}})
    assert found["Item"]["n"] == {"N": "1"}
