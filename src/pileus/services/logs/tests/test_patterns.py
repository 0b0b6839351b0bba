"""The filter pattern language. The examples are the user guide's, "Filter pattern syntax", unless they say otherwise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.services.logs.patterns import InvalidPattern, compiled

ORDER = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'

TRAIL = (
    '{"eventType":"UpdateTrail","sourceIPAddress":"111.111.111.111","arrayKey":["value","another value"],'
    '"objectList":[{"name":"a","id":1},{"name":"b","id":2}],"SomeObject":null,"cluster.name":"c","ThisFlag":true,'
    '"latency":55.5,"code":"400"}'
)

USERS = (
    '{"user":{"id":1,"email":"John.Stiles@example.com"},"users":[{"id":2,"email":"John.Doe@example.com"},'
    '{"id":3,"email":"Jane.Doe@example.com"}],"actions":["GET","PUT","DELETE"],"coordinates":[[0,1,2],[4,5,6]]}'
)


def matches(pattern, message):
    return compiled(pattern).matches(message)


@pytest.mark.parametrize(
    ("pattern", "both", "error", "warn"),
    [
        ("ERROR", True, True, False),
        ("ERROR WARN", True, False, False),
        ("?ERROR ?WARN", True, True, True),
        ("ERROR -WARN", False, True, False),
        ("-WARN", False, True, False),
        ('"ERROR" - "WARN"', False, True, False),
        ('"ERROR WARN"', True, False, False),
        ('"WARN ERROR"', False, False, False),
        ("%ERR.R m%", False, True, False),
        ("%^WARN%", False, False, True),
        ("error", False, False, False),
        ("", True, True, True),
        ('" "', True, True, True),
        # "If you combine "?" with other filter patterns, all question mark terms will be ignored."
        ("?ERROR message", True, True, True),
    ],
)
def test_terms(pattern, both, error, warn):
    found = [matches(pattern, message) for message in ("ERROR WARN message", "ERROR message", "WARN message")]
    assert found == [both, error, warn]


@pytest.mark.parametrize(
    ("pattern", "message", "expected"),
    [
        (r"%10\.10\.0\.1%", "at 10.10.0.1", True),
        (r"%10\.10\.0\.1%", "at 10010,051", False),
        ("%10.10.0.1%", "10010,051", True),
        ("%colou?r%", "color", True),
        ("%^[hc]at%", "a hat", False),
        ("%[hc]at$%", "a hat", True),
        ("%ab+c%", "ac", False),
        ("%^starting|^shutting down%", "shutting down now", True),
        (r"%\x28%", "f(x)", True),
        (r"%\[.\]%", "[7]", True),
        ("%^a{3,5}$%", "aaaaaa", False),
        ("%^a{,2}$%", "aa", True),
        (r"%^\w\d\s\D$%", "x1 y", True),
    ],
)
def test_regular_expressions(pattern, message, expected):
    assert matches(pattern, message) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ $.eventType = "UpdateTrail" }', True),
        ('{$.eventType="Update*"}', True),
        ("{ $.eventType = *Trail }", True),
        ("{ $.eventType = *dateTr* }", True),
        ('{ $.eventType = "Upd*Trail" }', False),
        ("{ $.eventType != UpdateTrail }", False),
        ("{ $.eventType = * }", True),
        ("{ $.nothing = * }", False),
        ("{ $.sourceIPAddress != 123.123.* }", True),
        ("{ $.sourceIPAddress = 111.111.* }", True),
        ('{ $.arrayKey[0] = "value" }', True),
        ('{ $.arrayKey[2] = "value" }', False),
        ("{ $.arrayKey = 1 }", False),
        ("{ $.arrayKey != 1 }", False),
        ("{ $.objectList[1].id = 2 }", True),
        ("{ $.objectList[*].id = 2 }", True),
        ("{ $.objectList[*].id = 3 }", False),
        ("{ $.eventType = %Trail% }", True),
        ("{ $.eventType != %Trail% }", False),
        ("{ $.arrayKey[*] = %val.{2}% }", True),
        (r"{ $.* = %111\.111\.111\.1[0-9]{1,2}% }", True),
        ("{ $.['cluster.name'] = \"c\" }", True),
        ("{ $.SomeObject IS NULL }", True),
        ("{ $.eventType IS NULL }", False),
        ("{ $.nothing IS NULL }", False),
        ("{ $.ThisFlag IS TRUE }", True),
        ("{ $.ThisFlag IS FALSE }", False),
        ("{ $.SomeOtherObject NOT EXISTS }", True),
        ("{ $.SomeObject NOT EXISTS }", False),
        ("{ $.latency >= 55.5 }", True),
        ("{ $.latency > 55.5 }", False),
        ("{ $.latency < 1e+3 }", True),
        ("{ $.latency > -1 }", True),
        ("{ $.latency = 5.55e1 }", True),
        ("{ $.latency != 55.5 }", False),
        ("{ $.eventType > 1 }", False),
        ("{ $.code = 400 }", True),
    ],
)
def test_json(pattern, expected):
    assert matches(pattern, TRAIL) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }', True),
        ('{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }', False),
        (
            '{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch && $.actions[2] = nonmatch }',
            True,
        ),
        (
            '{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch) && $.actions[2] = no }',
            False,
        ),
        ("{((($.user.id=1)))&&$.actions[0]=GET}", True),
    ],
)
def test_json_expressions(pattern, expected):
    assert matches(pattern, USERS) is expected


@pytest.mark.parametrize("message", ["", "plain", "{broken", '"text"', "[1]", "{}", '{"a": {"b": 1}}'])
def test_what_is_no_such_json_does_not_match(message):
    assert not matches("{ $.a = 1 }", message)
    assert not matches("{ $.a != 1 }", message)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[ip, user, username, timestamp, request, status_code, bytes]", True),
        ("[ip, user, username, timestamp, request, status_code, bytes > 1000]", True),
        ("[ip, user, username, timestamp, request, status_code, bytes > 1534]", False),
        ("[ip, user, username, timestamp, request, status_code, bytes, more]", False),
        (r"[ip=%127\.0\.0\.[1-9]%, user, username, timestamp, request =*.html*, status_code = 4*, bytes]", True),
        ("[..., request =*.html*, status_code = 4*, bytes]", True),
        ("[..., status_code = 404 || status_code = 410, bytes]", True),
        ("[..., status_code = 4* && status_code != 404, bytes]", False),
        ("[..., (status_code = 404), bytes]", True),
        ("[ip, ..., bytes]", True),
        ("[ip, ...]", True),
        ("[ip != 127.*, ...]", False),
        ('[..., request = "GET /index.html HTTP/1.0", s, b]', True),
    ],
)
def test_fields(pattern, expected):
    assert matches(pattern, ORDER) is expected


def test_a_blank_last_field_takes_what_is_left():
    line = "ERROR 09/25/2014 12:00:02 Failed to process request"
    assert matches("[w1=ERROR, w2]", line)
    assert not matches("[w1!=ERROR && w1!=WARNING, w2]", line)
    assert matches("[w1=ERROR || w1=WARNING, w2]", line)
    assert not matches("[w1=ERROR]", line)


def test_fields_are_extracted_by_name_or_place():
    pattern = compiled("[..., request=*.html*, status_code=4*,]")
    assert pattern.extract(ORDER) == {
        "$1": "127.0.0.1",
        "$2": "Prod",
        "$3": "frank",
        "$4": "10/Oct/2000:13:25:15 -0700",
        "$request": "GET /index.html HTTP/1.0",
        "$status_code": "404",
        "$7": "1534",
    }


@pytest.mark.parametrize(
    "pattern",
    [
        "a-b",
        "a:b",
        '"open',
        "%open",
        "%a(b)%",
        "%something!%",
        "%é%",
        "%a**%",
        "%[%",
        "%\\%",
        "{",
        "{}",
        "{ $ = 1 }",
        "{ $.a }",
        "{ $.a = }",
        "{ $.a = 1 } x",
        "{ $.a > x }",
        "{ $.a IS NOT NULL }",
        "{ $.a EXISTS }",
        "{ ($.a = 1 }",
        "{ $.a[x] = 1 }",
        "{ $.*[*] = 1 }",
        "{ $.a = %a% && $.b = %b% && $.c = %c% }",
        "{ $.*=1 && $.*=1 && $.*=1 && $.*=1 }",
        "{" + "(" * 200,
        "[a",
        "[a, ..., b, ...]",
        "[a = 1 && b = 2]",
        "[a > x]",
    ],
)
def test_wrong_patterns_are_refused(pattern):
    with pytest.raises(InvalidPattern):
        compiled(pattern)


@given(st.text(alphabet="abc $.[]{}()\"%*=!<>&|?-\\1,'", max_size=30), st.text(alphabet='{}[]":, abc1\\%', max_size=20))
def test_any_text_is_a_pattern_or_refused(pattern, message):
    try:
        found = compiled(pattern)
    except InvalidPattern:
        return
    if found.matches(message):
        found.extract(message)
