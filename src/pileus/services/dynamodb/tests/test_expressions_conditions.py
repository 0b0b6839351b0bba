import pytest

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.expressions import bind

ITEM = {
    "p": {"S": "key"},
    "one": {"N": "1"},
    "two": {"N": "2"},
    "word": {"S": "hello"},
    "prefix": {"S": "he"},
    "bytes1": {"B": b"hi there"},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "elements": {"L": [{"N": "1"}, {"M": {"x": {"S": "deep"}}}, {"NS": ["1", "2"]}]},
    "members": {"M": {"a": {"N": "1"}, "b": {"L": [{"S": "z"}]}}},
    "words": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2", "10"]},
    "binaries": {"BS": [b"\x01", b"\x02"]},
}
VALUES = {
    ":one": {"N": "1.0"},
    ":two": {"N": "2"},
    ":ten": {"N": "10"},
    ":word": {"S": "hello"},
    ":ell": {"S": "ell"},
    ":a": {"S": "a"},
    ":there": {"B": b"there"},
    ":bytes": {"B": b"\x01"},
    ":list": {"L": [{"N": "1"}]},
    ":set": {"NS": ["2", "1"]},
    ":true": {"BOOL": True},
    ":null": {"NULL": True},
    ":S": {"S": "S"},
    ":N": {"S": "N"},
    ":DOG": {"S": "DOG"},
}


def bound(text: str, parameter: str = "ConditionExpression"):
    request = {parameter: text}
    values = {
        name: value for name, value in VALUES.items() if f"{name} " in text.replace(")", " ").replace(",", " ") + " "
    }
    if values:
        request["ExpressionAttributeValues"] = values
    found = bind(request)
    return found.condition or found.filter


def refusal(text: str, parameter: str = "ConditionExpression") -> str:
    with pytest.raises(ValidationException) as refused:
        bound(text, parameter)
    return refused.value.message


@pytest.mark.parametrize(
    "text",
    [
        "one = :one",
        "one <> :two",
        "one < :two",
        "one <= :one",
        "two > one",
        "two >= :two",
        "two<:ten",
        ":one < two",
        "word = :word",
        "prefix < word",
        "bytes1 > :there OR bytes1 < :there",
        "yes = :true",
        "nothing = :null",
        "elements[2] = :set",
        "elements[1].x <> :word",
        "absent <> :one",
        "absent <> lacking",
        "one BETWEEN :one AND :two",
        "one between one_and AND :two OR one = :one",
        "two BETWEEN one AND :ten",
        "one IN (:word, :one)",
        "word in (absent, word2, :word)",
        "NOT absent = :one",
        "NOT NOT one = :one",
        "not (one = :two)",
        "one = :one AND two = :two",
        "one = :two OR two = :two",
        "one = :one OR one = :two AND one = :two",
        "(one = :one)",
        "(one = :one AND (two = :two OR two = :one))",
        "(one) = :one",
        "one = (:one)",
        "(one) BETWEEN (:one) AND (:two)",
        "((one) = :one)",
        "attribute_exists(one)",
        "attribute_exists ( elements[1].x )",
        "attribute_exists(members.b[0])",
        "attribute_not_exists(absent)",
        "attribute_not_exists(elements[3])",
        "attribute_not_exists(members[0])",
        "attribute_not_exists(elements.x)",
        "attribute_not_exists(one.x)",
        "attribute_type(one, :N)",
        "attribute_type(:word, :S)",
        "begins_with(word, prefix)",
        "begins_with(word, :word)",
        "contains(word, :ell)",
        "contains(bytes1, :there)",
        "contains(words, :a)",
        "contains(numbers, :one)",
        "contains(binaries, :bytes)",
        "contains(elements, :one)",
        "contains(elements, :set)",
        "contains(:word, prefix)",
        "size(word) > :two",
        "size(numbers) > size(words)",
        "size(elements) > :two AND size(members) = :two AND size(bytes1) < :ten",
        "size(:word) > :two",
        ":two < size(word)",
        "size(absent) <> :one",
    ],
)
def test_a_condition_holds(text):
    assert bound(text).holds(ITEM)


@pytest.mark.parametrize(
    "text",
    [
        "one = :word",
        "one <> :one",
        "one < :word",
        "absent = :one",
        "absent = lacking",
        "absent < :one",
        ":one < absent",
        "absent < lacking",
        "absent BETWEEN :one AND :two",
        "one BETWEEN :two AND :ten",
        "one BETWEEN two AND :one",
        "yes < one",
        "elements < :one",
        "absent IN (lacking, :one)",
        "one IN (:word)",
        "NOT one = :one",
        "NOT one = :one AND two = :one",
        "attribute_exists(absent)",
        "attribute_exists(one.x)",
        "attribute_not_exists(one)",
        "attribute_type(one, :S)",
        "attribute_type(absent, :S)",
        "begins_with(one, :word)",
        "begins_with(prefix, word)",
        "begins_with(bytes1, :word)",
        "contains(words, :one)",
        "contains(numbers, :a)",
        "contains(one, :one)",
        "contains(absent, :one)",
        "contains(members, :a)",
        "size(one) = :one",
        "size(yes) = :one",
        "size(word) = :word",
        "size(absent) = :one",
    ],
)
def test_a_condition_does_not_hold(text):
    assert not bound(text).holds(ITEM)


def test_of_no_item_only_absence_holds():
    assert bound("attribute_not_exists(p)").holds(None)
    assert bound("one <> :one").holds(None)
    assert not bound("attribute_exists(p) OR one = :one").holds(None)


def test_names_and_keywords_may_be_written_in_any_case_but_functions_not():
    assert bound("one = :one aNd nOt two Between :ten anD :ten Or one iN (:two)").holds(ITEM)
    assert refusal("ATTRIBUTE_EXISTS(one)") == (
        "Invalid ConditionExpression: Invalid function name; function: ATTRIBUTE_EXISTS"
    )


@pytest.mark.parametrize(
    ("text", "token", "near"),
    [
        ("a-b", "-", "a-b"),
        ("one", "<EOF>", "one"),
        (":one", "<EOF>", ":one"),
        ("one =", "<EOF>", "="),
        ("one = ", "<EOF>", "="),
        ("one != two", "!", "one !="),
        ("one == two", "=", "== two"),
        ("one IN ()", ")", "()"),
        ("one IN (:one", "<EOF>", ":one"),
        ("one BETWEEN two OR two", "OR", "two OR two"),
        ("(one = two", "<EOF>", "two"),
        ("one = two)", ")", "two)"),
        ("one = two two", "two", "two two"),
        ("_one = two", "_", "_one"),
        ("#", "#", "#"),
        ("one = :", ":", "= :"),
        ("one[two] = two", "two", "[two]"),
        ("one[-1] = two", "-", "[-1"),
        ("one[] = two", "]", "[] ="),
        ("one.[1] = two", "[", ".[1"),
        ("AND one", "AND", "AND one"),
        ("size() = two", ")", "() ="),
        ("(", "<EOF>", "("),
        ("one + two = two", "+", "one + two"),
    ],
)
def test_a_syntax_error_names_the_token_and_what_is_around_it(text, token, near):
    assert refusal(text) == f'Invalid ConditionExpression: Syntax error; token: "{token}", near: "{near}"'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The expression can not be empty;"),
        (" \t\n", "The expression can not be empty;"),
        ("((one = two))", "The expression has redundant parentheses;"),
        ("one = ((two))", "The expression has redundant parentheses;"),
        ("((one)) = two", "The expression has redundant parentheses;"),
        ("(one = two) AND ((two = one))", "The expression has redundant parentheses;"),
        ("name = two", "Attribute name is a reserved keyword; reserved keyword: name"),
        ("one.Status = two", "Attribute name is a reserved keyword; reserved keyword: Status"),
        ("dog(one)", "Invalid function name; function: dog"),
        ("one = :absent", "An expression attribute value used in expression is not defined; attribute value: :absent"),
        (
            "#absent = one",
            "An expression attribute name used in the document path is not defined; attribute name: #absent",
        ),
        ("list_append(one, two) = two", "The function is not allowed in a condition expression; function: list_append"),
        ("size(one)", "The function is not allowed to be used this way in an expression; function: size"),
        (
            "attribute_exists(one) = two",
            "The function is not allowed to be used this way in an expression; function: attribute_exists",
        ),
        (
            "contains(one, begins_with(one, two))",
            "The function is not allowed to be used this way in an expression; function: begins_with",
        ),
        (
            "attribute_exists(:one)",
            "Operator or function requires a document path; operator or function: attribute_exists",
        ),
        (
            "begins_with(one)",
            "Incorrect number of operands for operator or function; operator or function: begins_with, "
            "number of operands: 1",
        ),
        (
            "size(one, two) = one",
            "Incorrect number of operands for operator or function; operator or function: size, number of operands: 2",
        ),
        (
            "begins_with(word, :one)",
            "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
        ),
        (
            "one < :list",
            "Incorrect operand type for operator or function; operator or function: <, operand type: L",
        ),
        (
            "one BETWEEN :list AND :list",
            "Incorrect operand type for operator or function; operator or function: BETWEEN, operand type: L",
        ),
        (
            "size(:one) = :one",
            "Incorrect operand type for operator or function; operator or function: size, operand type: N",
        ),
        (
            "size(size(word)) = :one",
            "Incorrect operand type for operator or function; operator or function: size, operand type: N",
        ),
        (
            "contains(:one, word)",
            "Incorrect operand type for operator or function; operator or function: contains, operand type: N",
        ),
        (
            "attribute_type(one, :one)",
            "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: N",
        ),
        (
            "attribute_type(one, word)",
            "Incorrect operand type for operator or function; operator or function: attribute_type, "
            "operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}",
        ),
        (
            "attribute_type(one, :DOG)",
            "Invalid attribute type name found; type: DOG, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
        ),
        (
            "one BETWEEN :two AND :one",
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
            "lower bound operand: AttributeValue: {N:2}, upper bound operand: AttributeValue: {N:1}",
        ),
        (
            "one BETWEEN :two AND :word",
            "The BETWEEN operator requires same data type for lower and upper bounds; "
            "lower bound operand: AttributeValue: {N:2}, upper bound operand: AttributeValue: {S:hello}",
        ),
        (
            "elements[0] = elements[0]",
            "The first operand must be distinct from the remaining operands for this operator or function; "
            "operator: =, first operand: [elements, [0]]",
        ),
        (
            "contains(word, word)",
            "The first operand must be distinct from the remaining operands for this operator or function; "
            "operator: contains, first operand: [word]",
        ),
        ("one[99999999999999] = two", "List index is not within the allowable range; index: [99999999999999]"),
        ("a" + ".b" * 32 + " = one", "The document path has too many nesting levels; nesting levels: 33"),
        (
            f"one IN ({', '.join(['two'] * 101)})",
            "The IN operator is provided with too many operands; number of operands: 101",
        ),
    ],
)
@pytest.mark.parametrize("parameter", ["ConditionExpression", "FilterExpression"])
def test_what_no_condition_may_be_is_refused_in_awss_words(text, message, parameter):
    assert refusal(text, parameter) == f"Invalid {parameter}: {message}"


def test_an_expression_has_at_most_4096_bytes():
    assert bound("one" + " " * (4096 - len("one= :one")) + "= :one").holds(ITEM)
    assert refusal("one" + " " * (4097 - len("one= :one")) + "= :one") == (
        "Invalid ConditionExpression: Expression size has exceeded the maximum allowed size; expression size: 4097"
    )


def test_an_expression_has_at_most_300_operators():
    assert bound("one<two" + " or one<two" * 149).holds(ITEM)
    assert refusal("one<two" + " or one<two" * 150) == (
        "Invalid ConditionExpression: The expression contains too many operators; operator count: 301"
    )


def test_deep_expressions_exhaust_nothing():
    assert bound("one<two " + "and (one<two " * 149 + ")" * 149).holds(ITEM)
    assert bound("not " * 298 + "one < two").holds(ITEM)
    for text in (
        "(" * 4096,
        "(" * 2000 + "one<two" + ")" * 2000,
        "f(" * 2000,
        "one < " + "(" * 4000,
        "a" + "[1]" * 1300,
    ):
        assert refusal(text).startswith("Invalid ConditionExpression: ")


def test_a_filter_may_not_name_the_key_of_its_query():
    found = bound("one = :one AND members.a = p", "FilterExpression")
    assert found.attributes == ("one", "members", "p")
    found.refuse_keys(("q",))
    with pytest.raises(ValidationException) as refused:
        found.refuse_keys(("p", "c"))
    assert refused.value.message == (
        "Filter Expression can only contain non-primary key attributes: Primary key attribute: p"
    )
