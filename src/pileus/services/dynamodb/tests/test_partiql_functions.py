"""Functions where they don't belong, or with what they don't take: refused in AWS's words, some with their place."""

import pytest

from pileus.kernel.errors import AwsError
from pileus.services.dynamodb.tests.conftest import schema

ILL = "Statement wasn't well formed, can't be processed: "
COUNT = "Incorrect number of operands for operator or function; operator or function: "
PATH = "Operator or function requires a document path; operator or function: "


@pytest.fixture
async def run(cloud):
    """Of an item with a set of strings, one of numbers, a string and a map."""
    await cloud.dynamodb.CreateTable(TableName="Sets", BillingMode="PAY_PER_REQUEST", **schema("id"))
    await cloud.settle()
    item = {
        "id": {"S": "a"},
        "ss": {"SS": ["a", "b", "c"]},
        "ns": {"NS": ["1", "2"]},
        "s": {"S": "text"},
        "m": {"M": {"inner": {"SS": ["x"]}}},
    }
    await cloud.dynamodb.PutItem(TableName="Sets", Item=item)

    async def refused(statement: str, parameters: list | None = None) -> str:
        with pytest.raises(AwsError) as caught:
            await cloud.dynamodb.ExecuteStatement(
                Statement=statement, **({"Parameters": parameters} if parameters else {})
            )
        assert caught.value.code == "ValidationException"
        assert (await cloud.dynamodb.GetItem(TableName="Sets", Key={"id": {"S": "a"}}))["Item"].keys() == item.keys()
        return caught.value.message

    return refused


def place(statement: str, token: str, behind: str = "") -> str:
    """Line, column and length of the token's first appearance after `behind`, as AWS counts them."""
    at = statement.index(token, statement.index(behind) + len(behind))
    line = statement.count("\n", 0, at)
    return f"{line + 1}:{at - (statement.rfind(chr(10), 0, at) + 1) + 1}:{len(token)}"


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("attribute_exists('ss')", PATH + "attribute_exists"),
        ("attribute_not_exists(5)", PATH + "attribute_not_exists"),
        ("attribute_exists()", COUNT + "attribute_exists, number of operands: 0"),
        ("attribute_exists(ss, ns)", COUNT + "attribute_exists, number of operands: 2"),
        ("attribute_exists(m.inner)", ILL + "Invalid path dot component"),
        ("attribute_exists(m.size)", ILL + "Invalid path dot component"),
        ("EXISTS(ss)", "Unrecognized function: exists at {EXISTS}"),
        ("exists(SELECT * FROM t)", "Unrecognized function: exists at {exists}"),
        ("set_add(ss, <<'x'>>) = ss", "Unrecognized function: set_add at {set_add}"),
        ("s = if_not_exists(s, 1)", "Unrecognized function: if_not_exists at {if_not_exists}"),
    ],
)
async def test_a_clause_takes_its_functions(run, condition, why):
    for gap in (" ", "\n  "):
        statement = f"SELECT * FROM Sets WHERE id = 'a' AND{gap}{condition}"
        token = why.partition("{")[2].rstrip("}")
        wanted = why.partition("{")[0] + (place(statement, token, "AND") if token else "")
        assert await run(statement) == wanted


async def test_a_function_of_a_path_takes_no_parameter(run):
    statement = "SELECT * FROM Sets WHERE id = 'a' AND attribute_exists(?)"
    assert await run(statement, [{"S": "ss"}]) == PATH + "attribute_exists"


async def test_a_function_is_no_column(run):
    statement = "SELECT attribute_exists(ss) FROM Sets WHERE id = 'a'"
    assert await run(statement) == f"Unexpected path component at {place(statement, 'attribute_exists')}"


FIRST = "The first argument to {} must equal the assignment value at "
SECOND = "The second argument to {} must be a value with type SET at "
TWO = "{} must have exactly two arguments at "
WRONG = "An operand in the update expression has an incorrect data type"


@pytest.mark.parametrize("function", ["set_add", "SET_DELETE"])
@pytest.mark.parametrize(
    ("changed", "arguments", "why", "behind"),
    [
        ("t", "ss, <<'x'>>", FIRST, ""),
        ("ss", "<<'a'>>, <<'b'>>", FIRST, ""),
        ("ss", "ss, 'x'", SECOND, "("),
        ("ss", "ss, ['x']", SECOND, "("),
        ("ss", "ss", TWO, ""),
        ("ss", "ss, <<'x'>>, <<'y'>>", TWO, ""),
        ("ss", "ss, <<1>>", WRONG, None),
        ("s", "s, <<'x'>>", WRONG, None),
        ("ss", "ss, <<'x', 'x'>>", "One or more parameter values were invalid: Input collection [x, x] contains duplicates.", None),
        ("ss", "ss, <<>>", "Empty bags are not supported", None),
        ("m.inner", "m.inner, <<'y'>>", ILL + "Invalid path dot component", None),
    ],
)  # fmt: skip
async def test_a_set_changes_by_a_set_of_its_kind(run, function, changed, arguments, why, behind):
    statement = f"UPDATE Sets SET {changed} = {function}({arguments}) WHERE id = 'a'"
    wanted = why.format(function.upper())
    if behind is not None:
        wanted += place(statement, "ss" if behind else function, f"{function}(" if behind else "=")
    assert await run(statement) == wanted


async def test_an_item_holds_no_function(run):
    statement = "INSERT INTO Sets VALUE {'id': 'b', 'ss': set_add(<<'a'>>, <<'b'>>)}"
    assert await run(statement) == f"Unsupported data type: set_add under key root at {place(statement, 'set_add')}"
