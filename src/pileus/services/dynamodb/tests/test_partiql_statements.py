"""ExecuteStatement: SELECT, INSERT, UPDATE and DELETE on a table."""

import pytest

from pileus.kernel.errors import AwsError

SONGS = {
    "TableName": "Music",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": "Artist", "AttributeType": "S"},
        {"AttributeName": "Year", "AttributeType": "N"},
        {"AttributeName": "Genre", "AttributeType": "S"},
        {"AttributeName": "Plays", "AttributeType": "N"},
    ],
    "KeySchema": [{"AttributeName": "Artist", "KeyType": "HASH"}, {"AttributeName": "Year", "KeyType": "RANGE"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-genre",
            "KeySchema": [
                {"AttributeName": "Genre", "KeyType": "HASH"},
                {"AttributeName": "Plays", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        },
        {
            "IndexName": "by-plays",
            "KeySchema": [{"AttributeName": "Plays", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        },
    ],
    "LocalSecondaryIndexes": [
        {
            "IndexName": "own-plays",
            "KeySchema": [
                {"AttributeName": "Artist", "KeyType": "HASH"},
                {"AttributeName": "Plays", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        },
    ],
}


@pytest.fixture
async def music(cloud):
    """run("SELECT …", parameters…, ConsistentRead=True, …), on a table of songs."""
    await cloud.dynamodb.CreateTable(**SONGS)
    await cloud.settle()

    async def run(statement: str, *parameters: dict, **more) -> dict:
        given = {"Parameters": list(parameters)} if parameters else {}
        return await cloud.dynamodb.ExecuteStatement(Statement=statement, **given, **more)

    return run


@pytest.fixture
async def songs(music):
    """The same, with songs: a has five years, b and c two each."""
    for artist, years in (("a", range(2001, 2006)), ("b", (2001, 2003)), ("c", (2002, 2003))):
        for year in years:
            await music(
                "INSERT INTO Music VALUE {'Artist': ?, 'Year': ?, 'Genre': 'pop', 'Plays': ?}",
                {"S": artist},
                {"N": str(year)},
                {"N": str(year - 2000)},
            )
    return music


def shown(answer: dict) -> list[str]:
    return [f"{item['Artist']['S']}{int(item['Year']['N']) - 2000}" for item in answer["Items"]]


async def refusal(running) -> str:
    with pytest.raises(AwsError) as caught:
        await running
    return f"{caught.value.code}: {caught.value.message}"


# INSERT


async def test_an_insert_makes_an_item_of_any_types(cloud, music):
    answer = await music(
        "INSERT INTO Music VALUE {'Artist': 'a', 'Year': 1, 'L': [1, 'x', {'m': NULL}], 'S': <<2, 1>>, 'T': TRUE, 'B': ?}",
        {"B": b"\0\1"},
    )
    assert answer == {"Items": []}
    got = await cloud.dynamodb.GetItem(TableName="Music", Key={"Artist": {"S": "a"}, "Year": {"N": "1"}})
    assert got["Item"] == {
        "Artist": {"S": "a"},
        "Year": {"N": "1"},
        "L": {"L": [{"N": "1"}, {"S": "x"}, {"M": {"m": {"NULL": True}}}]},
        "S": {"NS": ["1", "2"]},
        "T": {"BOOL": True},
        "B": {"B": b"\0\1"},
    }


async def test_an_insert_of_what_is_there_is_a_duplicate_and_changes_nothing(music):
    await music("INSERT INTO Music VALUE {'Artist': 'a', 'Year': 1, 'x': 1}")
    again = music("INSERT INTO Music VALUE {'Artist': 'a', 'Year': 1, 'x': 2}")
    assert await refusal(again) == "DuplicateItemException: Duplicate primary key exists in table"
    assert (await music("SELECT x FROM Music WHERE Artist='a' AND \"Year\"=1"))["Items"] == [{"x": {"N": "1"}}]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("{'Artist': 'a'}", "One or more parameter values were invalid: Missing the key Year in the item"),
        (
            "{'Artist': 'a', 'Year': '1'}",
            "One or more parameter values were invalid: Type mismatch for key Year expected: N actual: S",
        ),
        (
            "{'Artist': 'a', 'Year': 1, 'Plays': 'many'}",
            "One or more parameter values were invalid: Type mismatch for Index Key Plays Expected: N Actual: S "
            "IndexName: by-genre",
        ),
        ("[1]", "The VALUE of an INSERT must be a map of attribute names to values"),
    ],
)
async def test_an_insert_of_what_can_be_no_item_is_refused(music, value, why):
    assert await refusal(music(f"INSERT INTO Music VALUE {value}")) == f"ValidationException: {why}"


async def test_the_values_of_an_item_nest_32_deep(music):
    insert = "INSERT INTO Music VALUE {'Artist': 'a', 'Year': 1, 'deep': %s}"
    why = await refusal(music(insert % ("[" * 33 + "]" * 33)))
    assert why.startswith("ValidationException: Nesting Levels have exceeded supported limits")
    await music(insert % ("[" * 32 + "]" * 32))


async def test_an_insert_into_an_index_is_refused(music):
    why = await refusal(music("""INSERT INTO "Music"."by-genre" VALUE {'Artist': 'a', 'Year': 1}"""))
    assert why == "ValidationException: This operation is not supported on an index"


# SELECT


async def test_a_select_by_the_whole_key_reads_one_item(songs):
    answer = await songs("""SELECT * FROM Music WHERE Artist = 'a' AND "Year" = 2003""", ReturnConsumedCapacity="TOTAL")
    assert shown(answer) == ["a3"]
    assert answer["ConsumedCapacity"] == {"TableName": "Music", "CapacityUnits": 0.5}
    assert "NextToken" not in answer and "LastEvaluatedKey" not in answer
    assert (await songs("""SELECT * FROM Music WHERE Artist = 'x' AND "Year" = 2003"""))["Items"] == []


async def test_a_select_of_one_item_holds_it_against_the_rest_of_the_clause(songs):
    one = """SELECT * FROM Music WHERE Artist = 'a' AND "Year" = 2003 AND Plays """
    assert shown(await songs(one + "= 3")) == ["a3"]
    assert shown(await songs(one + "> 3")) == []


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("""Artist = 'a'""", ["a1", "a2", "a3", "a4", "a5"]),
        ("""Artist = 'a' AND "Year" > 2003""", ["a4", "a5"]),
        ("""Artist = 'a' AND "Year" BETWEEN 2002 AND 2003""", ["a2", "a3"]),
        ("""Artist = 'a' AND Plays IN (1, 5)""", ["a1", "a5"]),
        ("""Artist = 'a' AND NOT Plays = 1 AND (Plays < 3 OR Plays > 4)""", ["a2", "a5"]),
        ("""Artist = 'a' AND "Year" IN [2002, 2009, 2001]""", ["a2", "a1"]),
        ("""Artist IN ['c', 'b']""", ["c2", "c3", "b1", "b3"]),
        ("""(Artist = 'b' AND "Year" = 2003) OR (Artist = 'a' AND Plays = 5)""", ["b3", "a5"]),
        ("""Artist = 'a' ORDER BY "Year" DESC""", ["a5", "a4", "a3", "a2", "a1"]),
        ("""Artist IN ['b', 'c'] ORDER BY Artist DESC""", ["c2", "c3", "b1", "b3"]),
        ("""Artist IN ['c', 'b'] ORDER BY Artist, "Year" DESC""", ["b3", "b1", "c3", "c2"]),
        ("""Artist IN ['b', 'c'] ORDER BY "Year" """, ["b1", "c2", "b3", "c3"]),
        ("""Artist IN ['b', 'c'] ORDER BY "Year" DESC""", ["b3", "c3", "c2", "b1"]),
    ],
)
async def test_a_select_by_the_partition_key_reads_in_order(songs, where, expected):
    assert shown(await songs(f"SELECT * FROM Music WHERE {where}")) == expected


@pytest.mark.parametrize("where", ["", "WHERE Plays = 3", "WHERE Artist > 'a'", "WHERE Artist = 'a' OR Plays = 3"])
async def test_a_select_without_the_partition_key_scans(songs, where):
    answer = await songs(f"SELECT * FROM Music {where}")
    expected = {"": 9, "WHERE Plays = 3": 3, "WHERE Artist > 'a'": 4, "WHERE Artist = 'a' OR Plays = 3": 7}
    assert len(answer["Items"]) == expected[where]
    assert answer.keys() == {"Items"}


@pytest.mark.parametrize(
    ("where", "expected", "looked_at"),
    [
        ("""Artist = 'a' AND "Year" - 2000 = Plays AND "Year" > 2001 + 2""", "a4 a5", 5),
        ("""Artist = 'a' AND "Year" > 2003 AND Plays + 1 = 5""", "a4", 2),
        ("""Artist = 'a' AND "Year" = 2000 + 3""", "a3", 5),
        (""""Year" + 1 = 2004 AND Artist IS STRING""", "a3 b3 c3", 9),
        ("Plays + Genre = 1", "", 9),
    ],
)
async def test_a_sum_of_key_attributes_filters_what_the_rest_of_the_clause_reads(songs, where, expected, looked_at):
    found = await songs(f"SELECT * FROM Music WHERE {where}")
    assert sorted(shown(found)) == expected.split()
    page = await songs(f"SELECT * FROM Music WHERE {where}", Limit=looked_at)
    assert sorted(shown(page)) == expected.split()
    shorter = await songs(f"SELECT * FROM Music WHERE {where}", Limit=looked_at - 1)
    assert "NextToken" in shorter


async def test_a_sum_beyond_38_digits_ends_the_statement(songs):
    why = "Number overflow. Attempting to store a number with magnitude larger than supported range"
    assert (
        await refusal(songs("SELECT * FROM Music WHERE Plays + 9e125 > Plays - 9e125")) == f"ValidationException: {why}"
    )


async def test_columns_are_named_by_the_end_of_their_paths(music):
    await music("INSERT INTO Music VALUE {'Artist': 'a', 'Year': 1, 'd': {'e': ['x', {'f': 1}]}}")
    columns = "Artist, d.e, d.e[0], d.e[1].f, d.gone, gone"
    answer = await music(f"""SELECT {columns} FROM Music WHERE Artist = 'a' AND "Year" = 1""")
    assert answer["Items"] == [
        {
            "Artist": {"S": "a"},
            "e": {"L": [{"S": "x"}, {"M": {"f": {"N": "1"}}}]},
            "e[0]": {"S": "x"},
            "f": {"N": "1"},
        }
    ]


async def test_missing_and_null_are_told_apart(music):
    for year, more in ((1, ""), (2, ", 'x': NULL"), (3, ", 'x': 1")):
        await music(f"INSERT INTO Music VALUE {{'Artist': 'a', 'Year': {year}{more}}}")
    where = "SELECT * FROM Music WHERE Artist = 'a' AND "
    assert [shown(await music(where + test)) for test in ("x IS MISSING", "x IS NULL", "x IS NOT MISSING")] == [
        ["a-1999"],
        ["a-1998"],
        ["a-1998", "a-1997"],
    ]


async def test_an_update_may_begin_with_its_source(songs):
    update = """FROM Music WHERE Artist = ? AND "Year" = 2001 AND attribute_not_exists(x) SET x = ? REMOVE Genre"""
    parameters = [{"S": "b"}, {"N": "7"}]
    answer = await songs(f"{update} RETURNING ALL NEW *", Parameters=parameters)
    assert (answer["Items"][0]["x"], "Genre" in answer["Items"][0]) == ({"N": "7"}, False)
    assert "ConditionalCheckFailedException" in await refusal(songs(update, Parameters=parameters))


async def test_an_index_is_queried_or_scanned(songs):
    by_genre = """SELECT * FROM "Music"."by-genre" """
    assert shown(await songs(by_genre + "WHERE Genre = 'pop' AND Plays >= 4")) == ["a4", "a5"]
    descending = await songs(by_genre + "WHERE Genre = 'pop' ORDER BY Plays DESC", Limit=2)
    assert shown(descending) == ["a5", "a4"]
    assert len((await songs(by_genre))["Items"]) == 9
    assert sorted(shown(await songs(by_genre + "WHERE Artist = 'b'"))) == ["b1", "b3"]


async def test_an_index_shows_what_it_projects(songs):
    keys_only = await songs("""SELECT * FROM "Music"."by-plays" WHERE Plays = 5""")
    assert keys_only["Items"] == [{"Artist": {"S": "a"}, "Year": {"N": "2005"}, "Plays": {"N": "5"}}]
    beyond = "ValidationException: One or more parameter values were invalid: "
    why = await refusal(songs("""SELECT Genre FROM "Music"."by-plays" WHERE Plays = 5"""))
    assert why == beyond + "Global secondary index by-plays does not project [Genre]"
    why = await refusal(songs("""SELECT * FROM "Music"."by-plays" WHERE Plays = 5 AND Genre = 'pop'"""))
    assert why == beyond + "Secondary index by-plays does not project one or more filter attributes: [Genre]"


async def test_a_local_index_fetches_the_columns_that_are_named(songs):
    where = """FROM "Music"."own-plays" WHERE Artist = 'b' AND Plays = 3"""
    answer = await songs(f"SELECT * {where}", ConsistentRead=True)
    assert answer["Items"] == [{"Artist": {"S": "b"}, "Year": {"N": "2003"}, "Plays": {"N": "3"}}]
    assert (await songs(f"SELECT Genre {where}"))["Items"] == [{"Genre": {"S": "pop"}}]


async def test_a_filter_beyond_an_index_is_refused_where_its_key_is_named_and_finds_nothing_elsewhere(songs):
    for index, key in (("by-plays", "Plays = 3"), ("own-plays", "Artist = 'b'"), ("by-plays", "Plays IN [3, 4]")):
        why = await refusal(songs(f"""SELECT Plays FROM "Music"."{index}" WHERE {key} AND Genre = 'pop'"""))
        assert why.endswith(f"Secondary index {index} does not project one or more filter attributes: [Genre]")
        assert (await songs(f"""SELECT Plays FROM "Music"."{index}" WHERE Genre = 'pop'"""))["Items"] == []
    branches = """SELECT Year FROM "Music"."by-plays" WHERE (Plays = 3 AND Genre = 'pop') OR Plays = 5"""
    assert (await songs(branches))["Items"] == [{"Year": {"N": "2005"}}]


async def test_consistent_reads_and_unknown_indexes_are_refused_in_partiqls_words(songs):
    why = await refusal(songs("""SELECT * FROM "Music"."by-genre" """, ConsistentRead=True))
    assert why == "ValidationException: Strongly consistent read is not supported on Global Secondary Indexes"
    why = await refusal(songs("""SELECT * FROM "Music"."no-such" """, ConsistentRead=True))
    assert why == "ValidationException: The table does not have the specified index"
    why = await refusal(songs("SELECT * FROM Nothing"))
    assert why == "ResourceNotFoundException: Requested resource not found"


@pytest.mark.parametrize(
    ("rest", "why"),
    [
        ("ORDER BY Artist", "Must have WHERE clause in the statement when using ORDER BY clause."),
        (
            "WHERE Plays = 1 ORDER BY Artist",
            "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.",
        ),
        (
            "WHERE Artist = 'a' ORDER BY Plays",
            "Variable reference Plays in ORDER BY clause must be part of the primary key",
        ),
    ],
)
async def test_only_partitions_have_an_order(songs, rest, why):
    assert await refusal(songs(f"SELECT * FROM Music {rest}")) == f"ValidationException: {why}"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM Music",
        "SELECT * FROM Music WHERE Artist = 'a'",
        """SELECT * FROM Music WHERE Artist = 'a' ORDER BY "Year" DESC""",
        "SELECT * FROM Music WHERE Artist IN ['b', 'a', 'c'] ORDER BY Artist DESC",
        "SELECT * FROM Music WHERE Artist IN ['b', 'a', 'c']",
        """SELECT * FROM Music WHERE Artist IN ['b', 'a'] AND "Year" IN [2001, 2003, 2005]""",
        """SELECT * FROM Music WHERE Artist IN ['a', 'b', 'c'] ORDER BY "Year" """,
        """SELECT * FROM Music WHERE Artist IN ['a', 'b', 'c'] ORDER BY "Year" DESC""",
        """SELECT * FROM "Music"."by-genre" WHERE Genre IN ['pop', 'rock'] ORDER BY Plays DESC""",
        """SELECT * FROM "Music"."by-genre" WHERE Genre = 'pop'""",
        """SELECT * FROM "Music"."by-genre" """,
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 4])
async def test_pages_together_are_the_whole_in_its_order(songs, statement, limit):
    whole = shown(await songs(statement))
    pages: list[str] = []
    more: dict = {}
    for _ in range(20):
        page = await songs(statement, Limit=limit, **more)
        assert len(page["Items"]) <= limit
        pages += shown(page)
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    assert pages == whole


async def test_several_partition_keys_are_answered_ten_items_at_a_time(songs):
    for year in range(10):
        await songs(f"INSERT INTO Music VALUE {{'Artist': 'd', 'Year': {year}}}")
    page = await songs("SELECT * FROM Music WHERE Artist IN ['c', 'd']")
    assert len(page["Items"]) == 10
    rest = await songs("SELECT * FROM Music WHERE Artist IN ['c', 'd']", NextToken=page["NextToken"])
    assert len(rest["Items"]) == 2 and "NextToken" not in rest
    years = ", ".join(map(str, range(10)))
    whole = await songs(f"""SELECT * FROM Music WHERE Artist = 'd' AND "Year" IN [{years}]""")
    assert len(whole["Items"]) == 10 and "NextToken" not in whole


async def test_a_token_goes_on_with_its_own_statement_only(songs):
    page = await songs("SELECT * FROM Music WHERE Artist = ?", {"S": "a"}, Limit=1)
    assert page["LastEvaluatedKey"] == {"Artist": {"S": "a"}, "Year": {"N": "2001"}}
    other = songs("SELECT * FROM Music WHERE Artist = ?", {"S": "b"}, NextToken=page["NextToken"])
    assert await refusal(other) == "ValidationException: NextToken does not match request"
    assert await refusal(songs("SELECT * FROM Music", NextToken="x")) == "ValidationException: Invalid NextToken"


async def test_a_page_ends_after_a_megabyte(music):
    for year in range(4):
        await music(f"INSERT INTO Music VALUE {{'Artist': 'a', 'Year': {year}, 'x': ?}}", {"S": "x" * 390_000})
    page = await music("SELECT Artist FROM Music WHERE Artist = 'a'", ReturnConsumedCapacity="TOTAL")
    assert len(page["Items"]) == 3
    assert page["ConsumedCapacity"]["CapacityUnits"] == pytest.approx(143, abs=0.5)
    rest = await music("SELECT Artist FROM Music WHERE Artist = 'a'", NextToken=page["NextToken"])
    assert len(rest["Items"]) == 1


# UPDATE


async def test_an_update_sets_adds_appends_and_removes(music):
    await music(
        "INSERT INTO Music VALUE {'Artist': 'a', 'Year': 1, 'n': 1, 'l': [1], 's': <<1, 2>>, 't': <<'x'>>, 'm': {'k': 1}}"
    )
    answer = await music(
        """
        UPDATE Music
        SET n = n + 100
        SET l = LIST_APPEND(l, [2, <<'x'>>])
        SET s = SET_ADD(s, <<3>>)
        SET t = SET_DELETE(t, <<'x'>>)
        SET m.j = [1], "new" = ?
        REMOVE m.k
        WHERE Artist = 'a' AND "Year" = 1
        RETURNING ALL NEW *
        """,
        {"BOOL": True},
    )
    assert answer["Items"] == [
        {
            "Artist": {"S": "a"},
            "Year": {"N": "1"},
            "n": {"N": "101"},
            "l": {"L": [{"N": "1"}, {"N": "2"}, {"SS": ["x"]}]},
            "s": {"NS": ["1", "2", "3"]},
            "m": {"M": {"j": {"L": [{"N": "1"}]}}},
            "new": {"BOOL": True},
        }
    ]


@pytest.mark.parametrize(
    ("returning", "expected"),
    [
        ("", []),
        (
            "RETURNING ALL OLD *",
            [{"Artist": {"S": "a"}, "Year": {"N": "1"}, "m": {"M": {"k": {"N": "1"}, "j": {"N": "1"}}}}],
        ),
        ("RETURNING MODIFIED OLD *", [{"m": {"M": {"k": {"N": "1"}}}}]),
        ("RETURNING MODIFIED NEW *", [{"m": {"M": {"k": {"N": "2"}}}}]),
    ],
)
async def test_an_update_returns_what_it_is_asked_for(music, returning, expected):
    await music("INSERT INTO Music VALUE {'Artist': 'a', 'Year': 1, 'm': {'k': 1, 'j': 1}}")
    answer = await music(f"""UPDATE Music SET m.k = 2 WHERE Artist = 'a' AND "Year" = 1 {returning}""")
    assert answer["Items"] == expected


async def test_an_update_that_modified_nothing_that_can_be_shown_returns_nothing(music):
    await music("INSERT INTO Music VALUE {'Artist': 'a', 'Year': 1, 'x': 1}")
    where = """WHERE Artist = 'a' AND "Year" = 1"""
    assert (await music(f"UPDATE Music SET y = 1 {where} RETURNING MODIFIED OLD *"))["Items"] == []
    assert (await music(f"UPDATE Music REMOVE x {where} RETURNING MODIFIED NEW *"))["Items"] == []


async def test_an_update_makes_no_item(music):
    running = music("""UPDATE Music SET x = 1 WHERE Artist = 'a' AND "Year" = 1""")
    assert await refusal(running) == "ConditionalCheckFailedException: The conditional request failed"
    assert (await music("SELECT * FROM Music"))["Items"] == []


async def test_what_else_stands_in_the_clause_is_a_condition(music):
    await music("INSERT INTO Music VALUE {'Artist': 'a', 'Year': 1, 'x': 1}")
    update = """UPDATE Music SET x = 5 WHERE Artist = 'a' AND "Year" = 1 AND x = """
    with pytest.raises(AwsError) as caught:
        await music(update + "2", ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert caught.value.code == "ConditionalCheckFailedException"
    assert caught.value.fields["Item"]["x"] == {"N": "1"}
    await music(update + "1")
    assert (await music("SELECT x FROM Music"))["Items"] == [{"x": {"N": "5"}}]
    await music(update + "4 + 1 AND x - 1 = 4 AND x IS INT AND gone + 1 IS MISSING")
    delete = """DELETE FROM Music WHERE Artist = 'a' AND "Year" = 1 AND """
    assert "ConditionalCheckFailedException" in await refusal(music(f"{delete} x + gone = 5"))
    await music(f"{delete} x + x = 10")
    assert (await music("SELECT x FROM Music"))["Items"] == []


@pytest.mark.parametrize("action", ["UPDATE Music SET x = 1", "DELETE FROM Music"])
@pytest.mark.parametrize(
    "where",
    [
        "",
        "WHERE Artist = 'a'",
        """WHERE Artist = 'a' AND "Year" > 1""",
        """WHERE Artist = 'a' OR "Year" = 1""",
        """WHERE Artist = 'a' AND "Year" + 0 = 1""",
        """WHERE Artist = 'a' AND "Year" = 0 + 1""",
    ],
)
async def test_a_write_needs_the_whole_key(music, action, where):
    why = await refusal(music(f"{action} {where}"))
    assert why == "ValidationException: Where clause does not contain a mandatory equality on all key attributes"


@pytest.mark.parametrize(
    ("sets", "why"),
    [
        (
            "SET Artist = 'b'",
            "One or more parameter values were invalid: Cannot update attribute Artist. This attribute is part of the key",
        ),
        ("SET n = s + 1", "An operand in the update expression has an incorrect data type"),
        ("SET n = gone + 1", "The provided expression refers to an attribute that does not exist in the item"),
        ("SET gone.x = 1", "The document path provided in the update expression is invalid for update"),
        (
            "SET s = 1 SET s = 2",
            "Two document paths overlap with each other; must remove or rewrite one of these paths; "
            "path one: [s], path two: [s]",
        ),
        (
            "SET s = set_add(s, 1)",
            "The second argument to SET_ADD must be a value with type SET at 1:30:1",
        ),
    ],
)
async def test_an_update_that_can_not_be_made_is_refused(music, sets, why):
    await music("INSERT INTO Music VALUE {'Artist': 'a', 'Year': 1, 's': 'x'}")
    running = music(f"""UPDATE Music {sets} WHERE Artist = 'a' AND "Year" = 1""")
    assert await refusal(running) == f"ValidationException: {why}"


# DELETE


async def test_a_delete_returns_the_old_item_or_nothing(songs):
    delete = """DELETE FROM Music WHERE Artist = 'b' AND "Year" = 2001 RETURNING ALL OLD *"""
    assert shown(await songs(delete)) == ["b1"]
    assert (await songs(delete))["Items"] == []
    assert shown(await songs("SELECT * FROM Music WHERE Artist = 'b'")) == ["b3"]


async def test_a_delete_of_what_is_not_there_asks_for_no_condition(songs):
    assert await songs("""DELETE FROM Music WHERE Artist = 'x' AND "Year" = 1 AND Plays = 5""") == {"Items": []}
    running = songs("""DELETE FROM Music WHERE Artist = 'b' AND "Year" = 2001 AND Plays = 5""")
    assert await refusal(running) == "ConditionalCheckFailedException: The conditional request failed"


@pytest.mark.parametrize("returning", ["MODIFIED OLD *", "ALL NEW *", "MODIFIED NEW *"])
async def test_a_delete_returns_nothing_else(songs, returning):
    running = songs(f"""DELETE FROM Music WHERE Artist = 'b' AND "Year" = 2001 RETURNING {returning}""")
    assert await refusal(running) == (
        f"ValidationException: Invalid returning clause: RETURNING {returning}. "
        "Only RETURNING ALL OLD * is allowed in DELETE statements."
    )
    assert shown(await songs("SELECT * FROM Music WHERE Artist = 'b'")) == ["b1", "b3"]


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("SELECT * FROM Nowhere WHERE a = 1 AND b < true", "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL"),
        ("DELETE FROM Nowhere WHERE a = 1 AND b BETWEEN null AND 2", "Incorrect operand type for operator or function; operator or function: BETWEEN, operand type: NULL"),
        ("SELECT * FROM \"\" WHERE a = 1", "Path component cannot be an empty string"),
        ("SELECT * FROM Nowhere.\"\" WHERE a = 1", "Path component cannot be an empty string"),
        ('SELECT "" FROM Nowhere', "Path component cannot be an empty string"),
        ('SELECT * FROM Nowhere WHERE "" = 1', "Path component cannot be an empty string"),
        ('UPDATE Nowhere SET "" = 1 WHERE a = 1', "Path component cannot be an empty string"),
        ("SELECT * FROM a.b.c WHERE a = 1", "A path may contain at most 2 components in the FROM clause"),
    ],
)  # fmt: skip
async def test_a_statement_that_means_nothing_is_refused_before_its_table_is_missed(songs, statement, why):
    assert await refusal(songs(statement)) == f"ValidationException: {why}"


# What belongs to other statements


@pytest.mark.parametrize("more", [{"Limit": 1}, {"NextToken": "x"}])
async def test_limits_and_tokens_are_for_select(music, more):
    running = music("INSERT INTO Music VALUE {'Artist': 'a', 'Year': 1}", **more)
    assert (await refusal(running)).startswith("ValidationException: ")


async def test_exists_is_for_transactions(music):
    running = music("""EXISTS(SELECT * FROM Music WHERE Artist = 'a' AND "Year" = 1 AND x = 1)""")
    assert (await refusal(running)).startswith("ValidationException: ")


async def test_writes_consume_what_the_same_writes_of_other_operations_do(music):
    insert = await music(
        "INSERT INTO Music VALUE {'Artist': 'a', 'Year': 1, 'Genre': 'pop', 'Plays': 1}",
        ReturnConsumedCapacity="INDEXES",
    )
    assert insert["ConsumedCapacity"]["CapacityUnits"] == 4.0
    assert insert["ConsumedCapacity"]["Table"] == {"CapacityUnits": 1.0}


async def test_reads_consume_what_the_same_reads_of_other_operations_do(cloud, songs):
    scanned = await cloud.dynamodb.Scan(TableName="Music", ReturnConsumedCapacity="INDEXES")
    found = await songs("SELECT * FROM Music", ReturnConsumedCapacity="INDEXES")
    assert found["ConsumedCapacity"] == scanned["ConsumedCapacity"]
    queried = await cloud.dynamodb.Query(
        TableName="Music",
        IndexName="own-plays",
        ProjectionExpression="Genre",
        KeyConditionExpression="Artist = :a",
        ExpressionAttributeValues={":a": {"S": "a"}},
        ReturnConsumedCapacity="INDEXES",
    )
    found = await songs(
        """SELECT Genre FROM "Music"."own-plays" WHERE Artist = 'a'""", ReturnConsumedCapacity="INDEXES"
    )
    assert found["ConsumedCapacity"] == queried["ConsumedCapacity"]
