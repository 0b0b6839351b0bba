import copy

import pytest

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.expressions import Updated, bind

ITEM = {
    "p": {"S": "key"},
    "n": {"N": "5"},
    "s": {"S": "hi"},
    "l": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}, {"M": {"x": {"L": [{"N": "7"}]}}}]},
    "m": {"M": {"a": {"N": "1"}, "b": {"M": {"c": {"N": "2"}}}}},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
    "bs": {"BS": [b"a"]},
}
VALUES = {
    ":1": {"N": "1"},
    ":2": {"N": "2"},
    ":s": {"S": "new"},
    ":l": {"L": [{"S": "x"}]},
    ":m": {"M": {"k": {"N": "1"}}},
    ":ss": {"SS": ["c", "b"]},
    ":ns": {"NS": ["10", "2"]},
    ":bs": {"BS": [b"a"]},
    ":ab": {"SS": ["a", "b"]},
}


def updated(text: str, item: dict | None = None, *, is_new: bool = False, names: dict | None = None) -> Updated:
    request: dict = {"UpdateExpression": text}
    spaced = "".join(letter if letter.isalnum() or letter in ":_" else " " for letter in text) + " "
    values = {name: value for name, value in VALUES.items() if f"{name} " in spaced}
    if values:
        request["ExpressionAttributeValues"] = values
    if names:
        request["ExpressionAttributeNames"] = names
    return bind(request).update.apply(ITEM if item is None else item, ("p",), is_new=is_new)


def refusal(text: str, item: dict | None = None, **options) -> str:
    with pytest.raises(ValidationException) as refused:
        updated(text, item, **options)
    return refused.value.message


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("SET n = :s", {"n": {"S": "new"}}),
        ("set x = n, y = s", {"x": {"N": "5"}, "y": {"S": "hi"}}),
        ("SET n = n + :1", {"n": {"N": "6"}}),
        ("SET n = :1 - n", {"n": {"N": "-4"}}),
        ("SET n = (n + :1)", {"n": {"N": "6"}}),
        ("SET n = (n) + (:1)", {"n": {"N": "6"}}),
        ("SET n = n + n", {"n": {"N": "10"}}),
        ("SET n = if_not_exists(n, :1) + :1", {"n": {"N": "6"}}),
        ("SET x = if_not_exists(x, :1) + :1", {"x": {"N": "2"}}),
        ("SET x = if_not_exists(y, if_not_exists(m.b.c, :1))", {"x": {"N": "2"}}),
        ("SET x = list_append(:l, :l)", {"x": {"L": [{"S": "x"}, {"S": "x"}]}}),
        ("SET x = list_append(if_not_exists(x, :l), :l)", {"x": {"L": [{"S": "x"}, {"S": "x"}]}}),
        ("SET l = list_append(l, :l)", {"l": {"L": [*ITEM["l"]["L"], {"S": "x"}]}}),
        ("SET l[1] = :s", {"l": {"L": [{"N": "0"}, {"S": "new"}, *ITEM["l"]["L"][2:]]}}),
        ("SET l[3].x[0] = l[3].x[0] + :1", {"l": {"L": [*ITEM["l"]["L"][:3], {"M": {"x": {"L": [{"N": "8"}]}}}]}}),
        ("SET l[84] = :1, l[37] = :s", {"l": {"L": [*ITEM["l"]["L"], {"S": "new"}, {"N": "1"}]}}),
        ("REMOVE l[0], l[2] SET l[1] = :s, l[9] = :1", {"l": {"L": [{"S": "new"}, ITEM["l"]["L"][3], {"N": "1"}]}}),
        ("REMOVE l[99]", {}),
        ("REMOVE l[0], l[1], l[2], l[3]", {"l": {"L": []}}),
        ("SET m.a = :s, m.b.d = :1 REMOVE m.b.c", {"m": {"M": {"a": {"S": "new"}, "b": {"M": {"d": {"N": "1"}}}}}}),
        ("REMOVE m.a, m.b", {"m": {"M": {}}}),
        ("REMOVE m.x, x", {}),
        ("REMOVE n SET x = n", {"n": None, "x": {"N": "5"}}),
        ("SET n = s, s = n", {"n": {"S": "hi"}, "s": {"N": "5"}}),
        ("ADD n :1", {"n": {"N": "6"}}),
        ("ADD x :1, y :ss", {"x": {"N": "1"}, "y": {"SS": ["b", "c"]}}),
        ("ADD ss :ss, ns :ns, bs :bs", {"ss": {"SS": ["a", "b", "c"]}, "ns": {"NS": ["1", "2", "10"]}}),
        ("ADD m.a :2, m.n :1", {"m": {"M": {"a": {"N": "3"}, "b": {"M": {"c": {"N": "2"}}}, "n": {"N": "1"}}}}),
        ("DELETE ss :ss, ns :ns", {"ss": {"SS": ["a"]}, "ns": {"NS": ["1"]}}),
        ("DELETE ss :ab, bs :bs", {"ss": None, "bs": None}),
        ("DELETE x :ab", {}),
        ("SET remove = :1", {"remove": {"N": "1"}}),
    ],
)
def test_an_update_changes_what_it_names_and_leaves_the_item_before_alone(text, changes):
    before = copy.deepcopy(ITEM)
    wanted = {name: value for name, value in (ITEM | changes).items() if value is not None}
    assert updated(text).item == wanted
    assert before == ITEM


@pytest.mark.parametrize(
    "section", ["SET p = :1", "REMOVE p", "ADD p :1", "DELETE p :ss", "SET p.x = :1", "REMOVE p[0]"]
)
def test_no_update_may_name_the_key(section):
    assert refusal(section) == (
        "One or more parameter values were invalid: Cannot update attribute p. This attribute is part of the key"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SET x = y", "The provided expression refers to an attribute that does not exist in the item"),
        ("SET x = :1, z = x", "The provided expression refers to an attribute that does not exist in the item"),
        ("SET x = y + :1", "The provided expression refers to an attribute that does not exist in the item"),
        (
            "SET x = list_append(y, :l)",
            "The provided expression refers to an attribute that does not exist in the item",
        ),
        ("SET x = s + :1", "An operand in the update expression has an incorrect data type"),
        ("SET x = list_append(s, :l)", "An operand in the update expression has an incorrect data type"),
        ("ADD s :1", "An operand in the update expression has an incorrect data type"),
        ("ADD ss :ns", "An operand in the update expression has an incorrect data type"),
        ("ADD l :ss", "An operand in the update expression has an incorrect data type"),
        ("DELETE ss :ns", "An operand in the update expression has an incorrect data type"),
        ("DELETE n :ns", "An operand in the update expression has an incorrect data type"),
        ("SET x.y = :1", "The document path provided in the update expression is invalid for update"),
        ("SET s.y = :1", "The document path provided in the update expression is invalid for update"),
        ("SET l.y = :1", "The document path provided in the update expression is invalid for update"),
        ("SET m[0] = :1", "The document path provided in the update expression is invalid for update"),
        ("SET l[9].x = :1", "The document path provided in the update expression is invalid for update"),
        ("SET m.x.y = :1", "The document path provided in the update expression is invalid for update"),
        ("REMOVE x.y", "The document path provided in the update expression is invalid for update"),
        ("REMOVE s[0]", "The document path provided in the update expression is invalid for update"),
        ("ADD x.y :1", "The document path provided in the update expression is invalid for update"),
    ],
)
def test_what_does_not_fit_the_item_is_refused_in_awss_words(text, message):
    assert refusal(text) == message


OVERLAP = "Two document paths overlap with each other; must remove or rewrite one of these paths; "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The expression can not be empty;"),
        ("HELLO x = :1", 'Syntax error; token: "HELLO", near: "HELLO x"'),
        ("SET", 'Syntax error; token: "<EOF>", near: "SET"'),
        ("SET x", 'Syntax error; token: "<EOF>", near: "x"'),
        ("SET x = :1,", 'Syntax error; token: "<EOF>", near: ","'),
        ("SET x = :1, SET y = :2", 'Syntax error; token: "y", near: "SET y ="'),
        ("SET x = :1 + :2 + :1", 'Syntax error; token: "+", near: ":2 + :1"'),
        ("SET _123 = :1", 'Syntax error; token: "_", near: "SET _123"'),
        ("ADD hits : incr", 'Syntax error; token: ":", near: "hits : incr"'),
        ("SET :1 = :2", 'Syntax error; token: ":1", near: "SET :1 ="'),
        ("SET l[:1] = :2", 'Syntax error; token: ":1", near: "[:1]"'),
        ("SET x = f(n + :1)", 'Syntax error; token: "+", near: "n + :1"'),
        ("ADD x y", 'Syntax error; token: "y", near: "x y"'),
        ("SET x = ((:1))", "The expression has redundant parentheses;"),
        ("SET x = :1 SET y = :2", 'The "SET" section can only be used once in an update expression;'),
        ("set x = :1 REMOVE z set y = :2", 'The "SET" section can only be used once in an update expression;'),
        ("SET x = dog(:1)", "Invalid function name; function: dog"),
        ("SET x = LIST_APPEND(:l, :l)", "Invalid function name; function: LIST_APPEND"),
        ("SET status = :1", "Attribute name is a reserved keyword; reserved keyword: status"),
        ("SET x = #a", "An expression attribute name used in the document path is not defined; attribute name: #a"),
        ("SET x = :a", "An expression attribute value used in expression is not defined; attribute value: :a"),
        ("SET x = size(n)", "The function is not allowed in an update expression; function: size"),
        (
            "SET x = list_append(list_append(:l, :l), :l)",
            "The function is not allowed to be used this way in an expression; function: list_append",
        ),
        (
            "SET x = list_append(:l)",
            "Incorrect number of operands for operator or function; operator or function: list_append, "
            "number of operands: 1",
        ),
        (
            "SET x = if_not_exists(:1, :2)",
            "Operator or function requires a document path; operator or function: if_not_exists",
        ),
        (
            "SET x = :s + :1",
            "Incorrect operand type for operator or function; operator or function: +, operand type: S",
        ),
        (
            "SET x = n - :l",
            "Incorrect operand type for operator or function; operator or function: -, operand type: L",
        ),
        (
            "SET x = list_append(l, :s)",
            "Incorrect operand type for operator or function; operator or function: list_append, operand type: S",
        ),
        (
            "ADD n :s",
            "Incorrect operand type for operator or function; operator: ADD, operand type: STRING, "
            "typeSet: ALLOWED_FOR_ADD_OPERAND",
        ),
        (
            "ADD n :l",
            "Incorrect operand type for operator or function; operator: ADD, operand type: LIST, "
            "typeSet: ALLOWED_FOR_ADD_OPERAND",
        ),
        (
            "DELETE n :1",
            "Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER, "
            "typeSet: ALLOWED_FOR_DELETE_OPERAND",
        ),
        ("SET x = :1 REMOVE x", OVERLAP + "path one: [x], path two: [x]"),
        ("SET x = :1, x.y = :2", OVERLAP + "path one: [x], path two: [x, y]"),
        ("SET x.y.z = :1, x.y = :2", OVERLAP + "path one: [x, y, z], path two: [x, y]"),
        ("SET x[1][1] = :1, x[1] = :2", OVERLAP + "path one: [x, [1], [1]], path two: [x, [1]]"),
        (
            "SET x.b = :1, x[1] = :2",
            "Two document paths conflict with each other; must remove or rewrite one of these paths; "
            "path one: [x, b], path two: [x, [1]]",
        ),
    ],
)
def test_what_no_update_may_be_is_refused_in_awss_words(text, message):
    assert refusal(text) == f"Invalid UpdateExpression: {message}"


def test_paths_are_compared_after_their_names_are_resolved():
    assert refusal("SET #x = :1, #y = :2", names={"#x": "a", "#y": "a"}).endswith("path one: [a], path two: [a]")
    assert updated("SET #x = :1", names={"#x": "a.b"}).item["a.b"] == {"N": "1"}


def test_where_no_item_is_nothing_is_taken_away_and_nothing_nested_is_set():
    key = {"p": {"S": "key"}}
    assert updated("REMOVE x.y, z[0] DELETE w.v :ss SET n = :1", key, is_new=True).item == key | {"n": {"N": "1"}}
    assert updated("ADD n :1", key, is_new=True).item == key | {"n": {"N": "1"}}
    assert refusal("SET x.y = :1", key, is_new=True).startswith("The document path")


def test_an_update_that_only_takes_away_makes_no_item():
    assert not bind({"UpdateExpression": "REMOVE a"}).update.creates_item
    values = {":ss": {"SS": ["a"]}}
    assert not bind({"UpdateExpression": "DELETE a :ss", "ExpressionAttributeValues": values}).update.creates_item
    assert bind({"UpdateExpression": "ADD a :ss REMOVE b", "ExpressionAttributeValues": values}).update.creates_item


def test_what_an_update_touched_shows_of_the_item_before_and_after():
    done = updated("SET m.a = :s, l[1] = :1, x = :2 REMOVE n, l[99]")
    assert done.touched.of(ITEM) == {"m": {"M": {"a": {"N": "1"}}}, "l": {"L": [{"N": "1"}]}, "n": {"N": "5"}}
    assert done.touched.of(done.item) == {"m": {"M": {"a": {"S": "new"}}}, "l": {"L": [{"N": "1"}]}, "x": {"N": "2"}}


def test_an_appended_element_is_not_among_the_updated():
    done = updated("SET l[100] = :1")
    assert done.touched.of(done.item) == {}


def test_an_updated_value_is_at_most_32_levels_deep():
    deep = {"N": "1"}
    for _ in range(30):
        deep = {"L": [deep]}
    request = {"UpdateExpression": "SET m.deep = :v", "ExpressionAttributeValues": {":v": deep}}
    assert bind(request).update.apply(ITEM, ("p",)).item["m"]["M"]["deep"] == deep
    request["ExpressionAttributeValues"] = {":v": {"L": [deep]}}
    with pytest.raises(ValidationException, match="Nesting Levels have exceeded supported limits"):
        bind(request).update.apply(ITEM, ("p",))


def test_an_update_has_at_most_300_operators():
    # The = is none: developer guide, "Quotas in Amazon DynamoDB", Expression parameters.
    many = ",".join(f"a{number}=n+:1" for number in range(300))
    assert len(updated(f"SET {many},z=:1").item) == len(ITEM) + 301
    assert refusal(f"SET {many},z=n-:1") == (
        "Invalid UpdateExpression: The expression contains too many operators; operator count: 301"
    )
