"""ExecuteTransaction: statements that read at one moment, or write all or nothing."""

import pytest

from pileus.kernel.errors import AwsError

ACCOUNTS = {
    "TableName": "Accounts",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
}
CHECK_FAILED = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
NONE = {"Code": "None"}


@pytest.fixture
async def transaction(cloud):
    """transaction("statement", {"Statement": …, more}, …, ClientRequestToken=…), on accounts "a" and "b" with 10 each."""
    await cloud.dynamodb.CreateTable(**ACCOUNTS)
    await cloud.settle()
    for name in "ab":
        await cloud.dynamodb.PutItem(TableName="Accounts", Item={"id": {"S": name}, "n": {"N": "10"}})

    async def run(*statements: str | dict, **more) -> dict:
        entries = [{"Statement": one} if isinstance(one, str) else one for one in statements]
        return await cloud.dynamodb.ExecuteTransaction(TransactStatements=entries, **more)

    return run


async def amounts(cloud) -> dict[str, str]:
    found = (await cloud.dynamodb.Scan(TableName="Accounts"))["Items"]
    return {item["id"]["S"]: item["n"]["N"] for item in sorted(found, key=lambda item: item["id"]["S"])}


async def refusal(running) -> AwsError:
    with pytest.raises(AwsError) as caught:
        await running
    return caught.value


async def test_writes_are_made_together(cloud, transaction):
    answer = await transaction(
        "UPDATE Accounts SET n = n - 3 WHERE id = 'a' AND n >= 3",
        "UPDATE Accounts SET n = n + 3 WHERE id = 'b'",
        "INSERT INTO Accounts VALUE {'id': 'c', 'n': 0}",
    )
    assert answer == {"Responses": []}
    assert await amounts(cloud) == {"a": "7", "b": "13", "c": "0"}


async def test_one_that_fails_undoes_all_and_each_has_its_reason(cloud, transaction):
    error = await refusal(
        transaction(
            "UPDATE Accounts SET n = 0 WHERE id = 'a'",
            "UPDATE Accounts SET n = 0 WHERE id = 'b' AND n > 10",
            "INSERT INTO Accounts VALUE {'id': 'c', 'n': 0}",
            "DELETE FROM Accounts WHERE id = 'x' AND n = 1",
            "UPDATE Accounts SET n = 0 WHERE id = 'y'",
        )
    )
    assert error.code == "TransactionCanceledException"
    assert error.fields["CancellationReasons"] == [NONE, CHECK_FAILED, NONE, NONE, CHECK_FAILED]
    assert error.message == (
        "Transaction cancelled, please refer cancellation reasons for specific reasons "
        "[None, ConditionalCheckFailed, None, None, ConditionalCheckFailed]"
    )
    assert await amounts(cloud) == {"a": "10", "b": "10"}


async def test_an_insert_of_what_is_there_is_the_reason(cloud, transaction):
    error = await refusal(
        transaction("DELETE FROM Accounts WHERE id = 'a'", "INSERT INTO Accounts VALUE {'id': 'b', 'n': 0}")
    )
    duplicate = {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"}
    assert error.fields["CancellationReasons"] == [NONE, duplicate]
    assert await amounts(cloud) == {"a": "10", "b": "10"}


async def test_a_reason_shows_the_item_where_it_is_asked_for(transaction):
    update = "UPDATE Accounts SET n = 0 WHERE id = 'b' AND n > 10"
    error = await refusal(transaction({"Statement": update, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}))
    assert error.fields["CancellationReasons"] == [CHECK_FAILED | {"Item": {"id": {"S": "b"}, "n": {"N": "10"}}}]


async def test_exists_checks_an_item_that_is_not_written(cloud, transaction):
    exists = "EXISTS(SELECT * FROM Accounts WHERE id = 'a' AND n = {})"
    insert = "INSERT INTO Accounts VALUE {'id': 'c', 'n': 0}"
    error = await refusal(transaction(exists.format(9), insert))
    assert error.fields["CancellationReasons"] == [CHECK_FAILED, NONE]
    assert await transaction(exists.format(10), insert) == {"Responses": []}
    assert "c" in await amounts(cloud)


async def test_nothing_exists_of_an_item_that_is_not_there(transaction):
    error = await refusal(transaction("EXISTS(SELECT * FROM Accounts WHERE id = 'x' AND n IS MISSING)"))
    assert error.fields["CancellationReasons"] == [CHECK_FAILED]


@pytest.mark.parametrize("where", ["id = 'a'", "n = 1", "id > 'a' AND n = 1"])
async def test_exists_needs_a_whole_key_and_a_condition(transaction, where):
    error = await refusal(transaction(f"EXISTS(SELECT * FROM Accounts WHERE {where})"))
    assert error.message == (
        "Validation failed in TransactStatements[0]: EXISTS() must contain a single item read with additional condition"
    )


async def test_reads_see_one_moment(transaction):
    answer = await transaction(
        "SELECT * FROM Accounts WHERE id = 'a'",
        {"Statement": "SELECT n FROM Accounts WHERE id = ?", "Parameters": [{"S": "b"}]},
        "SELECT * FROM Accounts WHERE id = 'x'",
        ReturnConsumedCapacity="TOTAL",
    )
    assert answer["Responses"] == [{"Item": {"id": {"S": "a"}, "n": {"N": "10"}}}, {"Item": {"n": {"N": "10"}}}, {}]
    assert answer["ConsumedCapacity"] == [{"TableName": "Accounts", "CapacityUnits": 6.0, "ReadCapacityUnits": 6.0}]


@pytest.mark.parametrize("where", ["n = 1", "id > 'a'", "id = 'a' AND n = 10", "id IN ['a']"])
async def test_a_read_names_one_key_and_nothing_else(transaction, where):
    error = await refusal(transaction(f"SELECT * FROM Accounts WHERE {where}"))
    assert error.code == "ValidationException"
    assert error.message == (
        "Validation failed in TransactStatements[0]: "
        "Select statements within ExecuteTransaction must specify the primary key in the where clause."
    )


async def test_a_read_of_an_index_is_refused(transaction):
    error = await refusal(transaction("""SELECT * FROM "Accounts"."any" WHERE id = 'a'"""))
    assert error.message.endswith("Reads on indices are not supported within transactions.")


async def test_a_write_returns_nothing(transaction):
    first = "DELETE FROM Accounts WHERE id = 'b'"
    error = await refusal(transaction(first, "UPDATE Accounts SET n = 1 WHERE id = 'a' RETURNING ALL NEW *"))
    assert error.message == (
        "Validation failed in TransactStatements[1]: RETURNING clause is not supported in ExecuteTransaction."
    )


@pytest.mark.parametrize(
    "statements",
    [
        ("SELECT * FROM Accounts WHERE id = 'a'", "DELETE FROM Accounts WHERE id = 'b'"),
        ("SELECT * FROM Accounts WHERE id = 'a'", "EXISTS(SELECT * FROM Accounts WHERE id = 'a' AND n = 10)"),
        ("DELETE FROM Accounts WHERE id = 'a' RETURNING ALL OLD *",),
        ("DELETE FROM Accounts WHERE id = 'a'", "UPDATE Accounts SET n = 1 WHERE id = 'a'"),
        ("SELECT * FROM Accounts WHERE id = 'a'", "SELECT * FROM Accounts WHERE id = 'a'"),
        ("DELETE FROM Accounts WHERE n = 10",),
        ("DELETE FROM Accounts WHERE id = 'a'", "NONSENSE"),
    ],
)
async def test_what_can_be_no_transaction_is_refused_as_a_whole(cloud, transaction, statements):
    assert (await refusal(transaction(*statements))).code == "ValidationException"
    assert await amounts(cloud) == {"a": "10", "b": "10"}


async def test_a_token_makes_the_same_transaction_once_in_ten_minutes(cloud, transaction):
    add = "UPDATE Accounts SET n = n + 1 WHERE id = 'a'"
    for _ in range(2):
        await transaction(add, ClientRequestToken="once")
    assert await amounts(cloud) == {"a": "11", "b": "10"}
    error = await refusal(transaction(add.replace("1", "2"), ClientRequestToken="once"))
    assert error.code == "IdempotentParameterMismatchException"
    await cloud.advance(ms=600_001)
    await transaction(add, ClientRequestToken="once")
    assert await amounts(cloud) == {"a": "12", "b": "10"}


async def test_up_to_a_hundred_statements(cloud, transaction):
    inserts = [f"INSERT INTO Accounts VALUE {{'id': '{n}', 'n': 0}}" for n in range(101)]
    assert await transaction(*inserts[:100]) == {"Responses": []}
    assert "Member must have length less than or equal to 100" in (await refusal(transaction(*inserts))).message
    assert len(await amounts(cloud)) == 102


async def test_writes_cost_twice_as_much(transaction):
    answer = await transaction("UPDATE Accounts SET n = 1 WHERE id = 'a'", ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"] == [{"TableName": "Accounts", "CapacityUnits": 2.0, "WriteCapacityUnits": 2.0}]
