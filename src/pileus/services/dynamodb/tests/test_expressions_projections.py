import pytest

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.expressions import bind

ITEM = {
    "a": {"M": {"b": {"L": [{"N": "2"}, {"N": "4"}, {"M": {"x": {"S": "hi"}, "y": {"S": "yo"}}}]}, "c": {"N": "5"}}},
    "b": {"S": "hello"},
    "a.b": {"S": "dotted"},
}


def projected(text: str, names: dict | None = None) -> dict:
    request = {"ProjectionExpression": text} | ({"ExpressionAttributeNames": names} if names else {})
    return bind(request).projection.of(ITEM)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("b", {"b": {"S": "hello"}}),
        ("b, x", {"b": {"S": "hello"}}),
        ("a.c", {"a": {"M": {"c": {"N": "5"}}}}),
        ("a.b[0]", {"a": {"M": {"b": {"L": [{"N": "2"}]}}}}),
        ("a.b[1], a.b[0]", {"a": {"M": {"b": {"L": [{"N": "2"}, {"N": "4"}]}}}}),
        ("a.b[2].y,a.b[0]", {"a": {"M": {"b": {"L": [{"N": "2"}, {"M": {"y": {"S": "yo"}}}]}}}}),
        ("a.c, b", {"a": {"M": {"c": {"N": "5"}}}, "b": {"S": "hello"}}),
        ("a.x, a.b[0], x, a.b[3].x", {"a": {"M": {"b": {"L": [{"N": "2"}]}}}}),
        ("x", {}),
        ("a.b[3]", {}),
        ("a.x.y", {}),
        ("a.b.x", {}),
        ("a[0]", {}),
        ("a.b[0].x", {}),
        ("a.b[0][0]", {}),
        ("b.x", {}),
    ],
)
def test_a_projection_shows_what_its_paths_name_within_their_maps_and_lists(text, shown):
    assert projected(text) == shown


def test_a_placeholder_is_one_name_whatever_is_in_it():
    assert projected("#x", {"#x": "a.b"}) == {"a.b": {"S": "dotted"}}
    assert projected("#x.#y[1]", {"#x": "a", "#y": "b"}) == {"a": {"M": {"b": {"L": [{"N": "4"}]}}}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The expression can not be empty;"),
        ("a,", 'Syntax error; token: "<EOF>", near: ","'),
        ("a b", 'Syntax error; token: "b", near: "a b"'),
        ("a.b[-1]", 'Syntax error; token: "-", near: "[-1"'),
        (":a", 'Syntax error; token: ":a", near: ":a"'),
        ("a, name", "Attribute name is a reserved keyword; reserved keyword: name"),
        (
            "a.b[0],a.b[0]",
            "Two document paths overlap with each other; must remove or rewrite one of these paths; "
            "path one: [a, b, [0]], path two: [a, b, [0]]",
        ),
        (
            "b, a.b[0], a",
            "Two document paths overlap with each other; must remove or rewrite one of these paths; "
            "path one: [a, b, [0]], path two: [a]",
        ),
        (
            "a, a.b.c",
            "Two document paths overlap with each other; must remove or rewrite one of these paths; "
            "path one: [a], path two: [a, b, c]",
        ),
        (
            "a.b, a[1]",
            "Two document paths conflict with each other; must remove or rewrite one of these paths; "
            "path one: [a, b], path two: [a, [1]]",
        ),
        ("a[99999999999999]", "List index is not within the allowable range; index: [99999999999999]"),
        ("a" + ".b" * 32, "The document path has too many nesting levels; nesting levels: 33"),
    ],
)
def test_what_no_projection_may_be_is_refused_in_awss_words(text, message):
    with pytest.raises(ValidationException) as refused:
        projected(text)
    assert refused.value.message == f"Invalid ProjectionExpression: {message}"


def test_a_path_has_at_most_32_parts():
    assert projected("a" + ".b" * 31) == {}
