"""PartiQL statements, read."""

import pytest

from pileus.kernel.errors import NotImplementedByUs, ValidationException
from pileus.services.dynamodb.partiql import statements as ast
from pileus.services.dynamodb.partiql.binding import bind
from pileus.services.dynamodb.partiql.grammar import parse

A, B = ast.Path(("a",)), ast.Path(("b",))


def where(text: str):
    return parse(f"SELECT * FROM t WHERE {text}").where


def number(text: str) -> ast.Literal:
    return ast.Literal({"N": text})


def value(text: str, *parameters: dict) -> dict:
    return bind(parse(f"UPDATE t SET v = {text}"), list(parameters)).actions[0].value.value


def refusal(statement: str) -> str:
    with pytest.raises(ValidationException) as caught:
        parse(statement)
    return caught.value.message


def test_a_select_names_a_table_an_index_columns_and_an_order():
    found = parse("""select a, b.c[1], "d e"['f'] from "T"."I" where a = 1 order by a desc, b;""")
    assert found.source == ast.Source("T", "I")
    assert found.columns == (A, ast.Path(("b", "c", 1)), ast.Path(("d e", "f")))
    assert found.order == (ast.Order("a", True), ast.Order("b"))


def test_a_star_selects_everything_and_stands_alone():
    assert parse("SELECT * FROM t").columns is None
    assert refusal("SELECT *, a FROM t") == "Other attributes should not be present in the projection when '*' is used."


def test_keywords_have_no_case_and_names_do():
    assert parse("SeLeCt Abc fRoM Tab").columns == (ast.Path(("Abc",)),)


def test_comments_are_space():
    assert parse("SELECT * -- all of it\nFROM /* the\ntable */ t") == parse("SELECT * FROM t")


def test_reserved_words_are_names_in_double_quotes_only():
    assert parse('SELECT "order" FROM t').columns == (ast.Path(("order",)),)
    assert refusal("SELECT order FROM t") == "Statement wasn't well formed, can't be processed: Unexpected keyword"


def test_not_binds_closer_than_and_and_that_than_or():
    one, two, three = (ast.Comparison("=", A, number(n)) for n in "123")
    assert where("a=1 OR a=2 AND NOT a=3") == ast.Or((one, ast.And((two, ast.Not(three)))))
    assert where("(a=1 OR a=2) AND a=3") == ast.And((ast.Or((one, two)), three))


@pytest.mark.parametrize("operator", ["=", "<>", "<", "<=", ">", ">="])
def test_comparisons(operator):
    assert where(f"a{operator}1") == ast.Comparison(operator, A, number("1"))


def test_the_other_way_to_say_unequal():
    assert where("a != 1") == where("a <> 1")


def test_between_takes_its_own_and():
    between = ast.Between(A, number("1"), number("2"))
    assert where("a BETWEEN 1 AND 2 AND b = 3") == ast.And((between, ast.Comparison("=", B, number("3"))))
    assert where("a NOT BETWEEN 1 AND 2") == ast.Not(between)


def test_in_takes_brackets_or_parentheses():
    assert where("a IN [1, 2]") == where("a IN (1, 2)") == ast.In(A, (number("1"), number("2")))
    assert where("a NOT IN [1]") == ast.Not(ast.In(A, (number("1"),)))


def test_is_missing_and_is_null():
    assert where("a IS MISSING") == ast.Is(A, "MISSING")
    assert where("a is not null") == ast.Not(ast.Is(A, "NULL"))


def test_is_names_a_type_of_one_or_two_words():
    assert where("a is string") == ast.Is(A, "STRING")
    assert where("a is not Bag") == ast.Not(ast.Is(A, "BAG"))
    assert where("a IS DOUBLE") == ast.Is(A, "DOUBLE")
    assert where("a IS double precision") == ast.Is(A, "DOUBLE PRECISION")
    assert where("a IS CHARACTER VARYING AND a = 1") == ast.And(
        (ast.Is(A, "CHARACTER VARYING"), ast.Comparison("=", A, number("1")))
    )


@pytest.mark.parametrize("kind", ["DECIMAL(5, 2)", "VARCHAR(3)", "TIME(3)"])
def test_is_with_a_length_or_precision_is_refused_by_name(kind):
    with pytest.raises(NotImplementedByUs, match="IS and a length or precision"):
        where(f"a IS {kind}")


@pytest.mark.parametrize("kind", ["NUMBER", "SS", "nothing", "5", "NOT NOT NULL", "(NULL)"])
def test_is_of_what_is_no_type_is_refused(kind):
    assert refusal(f"SELECT * FROM t WHERE a IS {kind}") == (
        "Statement wasn't well formed, can't be processed: Expected type name"
    )


def test_sums_bind_closer_than_comparisons_and_from_the_left():
    one = ast.Arithmetic("-", ast.Arithmetic("+", A, B), number("1"))
    assert where("a + b - 1 = 2") == ast.Comparison("=", one, number("2"))
    assert where("a - (b - 1) = 2") == ast.Comparison(
        "=", ast.Arithmetic("-", A, ast.Arithmetic("-", B, number("1"))), number("2")
    )
    assert where("a + 1 IS MISSING") == ast.Is(ast.Arithmetic("+", A, number("1")), "MISSING")


def test_functions_have_no_case():
    assert where("BEGINS_WITH(a, 'x')") == ast.Call("begins_with", (A, ast.Literal({"S": "x"})))
    assert where("Size(a) > 1") == ast.Comparison(">", ast.Call("size", (A,)), number("1"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'it''s'", {"S": "it's"}),
        ("''", {"S": ""}),
        ("12.50", {"N": "12.5"}),
        ("-1e2", {"N": "-100"}),
        ("TRUE", {"BOOL": True}),
        ("false", {"BOOL": False}),
        ("null", {"NULL": True}),
        ("[1, 'a', []]", {"L": [{"N": "1"}, {"S": "a"}, {"L": []}]}),
        ("{'a': {'b': 1}}", {"M": {"a": {"M": {"b": {"N": "1"}}}}}),
        ("<<'b', 'a'>>", {"SS": ["a", "b"]}),
        ("<<2, 1.0>>", {"NS": ["1", "2"]}),
    ],
)
def test_literals_of_every_type(text, expected):
    assert value(text) == expected


def test_parameters_take_their_places_in_order():
    assert value("[?, {'k': ?}, <<?, ?>>]", {"N": "1"}, {"B": b"x"}, {"S": "b"}, {"S": "a"}) == {
        "L": [{"N": "1"}, {"M": {"k": {"B": b"x"}}}, {"SS": ["a", "b"]}]
    }


@pytest.mark.parametrize("parameters", [[], [{"S": "a"}, {"S": "b"}]])
def test_as_many_parameters_as_question_marks(parameters):
    with pytest.raises(ValidationException, match="Number of parameters in request and statement don't match"):
        bind(parse("SELECT * FROM t WHERE a = ?"), parameters)


@pytest.mark.parametrize("text", ["<<>>", "<<1, 'a'>>", "<<1, 1.0>>", "<<TRUE>>", "[" * 33 + "]" * 33])
def test_what_is_no_value_is_refused(text):
    with pytest.raises(ValidationException):
        value(text)


def test_an_update_sets_and_removes():
    found = parse("UPDATE t SET a = a + 1, b.c = LIST_APPEND(b.c, [1]) SET b=? REMOVE a[0] REMOVE b WHERE a = 1")
    assert found.actions == (
        ast.Assignment(A, ast.Arithmetic("+", A, number("1"))),
        ast.Assignment(
            ast.Path(("b", "c")),
            ast.Call("list_append", (ast.Path(("b", "c")), ast.ListOf((number("1"),)))),
        ),
        ast.Assignment(B, ast.Parameter(0)),
        ast.Removal(ast.Path(("a", 0))),
        ast.Removal(B),
    )


@pytest.mark.parametrize("text", ["ALL OLD *", "MODIFIED OLD *", "ALL NEW *", "MODIFIED NEW *"])
def test_returning(text):
    assert str(parse(f"UPDATE t SET a=1 WHERE b=1 returning {text.lower()}").returning) == text
    assert str(parse(f"DELETE FROM t WHERE b=1 RETURNING {text}").returning) == text


def test_exists_holds_a_select():
    assert parse("EXISTS(SELECT * FROM t WHERE a=1)") == ast.Exists(parse("SELECT * FROM t WHERE a=1"))


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("CREATE TABLE t", "Expected data manipulation"),
        ("", "Expected data manipulation"),
        ("UPDATE a-b SET c=1 WHERE d=1", "Expected data manipulation"),
        ("UPDATE t WHERE d=1", "Expected data manipulation"),
        ("INSERT INTO t (key, b) VALUES (1, 2)", "Unexpected keyword"),
        ("SELECT * FROM t LIMIT 1", "Unexpected token after expression"),
        ("SELECT * FROM t; SELECT * FROM t", "Unexpected token after semicolon. (Only one query is allowed.)"),
        ("SELECT * FROM t WHERE a = `2020T`", "Unexpected character"),
        ("SELECT * FROM t WHERE a = 'open", "Unexpected character"),
        ("SELECT a. FROM t", "Invalid path dot component"),
        ("SELECT * FROM t WHERE a =", "Unexpected end of statement"),
        ("SELECT * FROM t WHERE " + "(" * 8000, "The statement is nested too deeply"),
        ("SELECT * FROM t WHERE " + "NOT " * 2000 + "a=1", "The statement is nested too deeply"),
        ("SELECT * FROM t WHERE a = " + "[" * 8000, "The statement is nested too deeply"),
        ("UPDATE t SET n = 1" + "+1" * 101 + " WHERE a = 1", "The statement is nested too deeply"),
    ],
)
def test_what_is_not_well_formed_is_refused_with_the_reason(statement, why):
    assert refusal(statement) == f"Statement wasn't well formed, can't be processed: {why}"


@pytest.mark.parametrize("statement", ["SELECT * FROM t AS x", "SELECT a AS b FROM t", "SELECT * FROM t x"])
def test_nothing_has_an_alias(statement):
    assert refusal(statement) == "Aliasing is not supported"


def test_columns_that_are_no_paths_are_refused_by_name():
    with pytest.raises(NotImplementedByUs, match="columns"):
        parse("SELECT size(a) FROM t")


def test_a_statement_nests_eighty_deep():
    assert where("(" * 80 + "a = 1" + ")" * 80) == where("a = 1")
    with pytest.raises(ValidationException, match="nested too deeply"):
        where("(" * 81 + "a = 1" + ")" * 81)
