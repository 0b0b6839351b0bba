import pytest

from pileus.stacks.errors import ValidationError
from pileus.stacks.yaml_form import parse


def test_short_forms_become_their_long_form():
    assert parse("a: !Ref X\nb: !GetAtt X.Outputs.Url\nc: !Sub '${X}'\nd: !If [C, !Ref X, 1]\ne: !Condition C") == {
        "a": {"Ref": "X"},
        "b": {"Fn::GetAtt": ["X", "Outputs.Url"]},
        "c": {"Fn::Sub": "${X}"},
        "d": {"Fn::If": ["C", {"Ref": "X"}, 1]},
        "e": {"Condition": "C"},
    }


def test_short_forms_nest():
    assert parse("a: !Select [0, !GetAZs '']\nb: !Join ['-', [!Ref X, !Base64 text]]\nc: !Cidr [!Ref X, 2, 8]") == {
        "a": {"Fn::Select": [0, {"Fn::GetAZs": ""}]},
        "b": {"Fn::Join": ["-", [{"Ref": "X"}, {"Fn::Base64": "text"}]]},
        "c": {"Fn::Cidr": [{"Ref": "X"}, 2, 8]},
    }


def test_dates_and_padded_numbers_stay_text():
    assert parse("a: 2012-10-17\nb: 000000000000\nc: 0644\nd: 12:30\ne: 0\nf: 1.5\ng: 7") == {
        "a": "2012-10-17",
        "b": "000000000000",
        "c": "0644",
        "d": "12:30",
        "e": 0,
        "f": 1.5,
        "g": 7,
    }


def test_booleans_are_those_of_yaml_1_1_and_quoted_ones_are_text():
    assert parse("a: yes\nb: off\nc: 'true'\nd: true") == {"a": True, "b": False, "c": "true", "d": True}


def test_keys_are_names_whatever_they_look_like():
    assert parse("123: a\ntrue: b") == {"123": "a", "true": "b"}


def test_aliases_are_copies_and_merges_lose_against_what_is_written():
    template = parse("a: &x {p: 1, q: 2}\nb: *x\nc:\n  <<: *x\n  q: 3")
    assert template == {"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 2}, "c": {"p": 1, "q": 3}}
    assert template["a"] is not template["b"]


def test_json_is_read_as_json():
    assert parse('{"a": {"Ref": "X"}}') == {"a": {"Ref": "X"}}


BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:\n  b: c: d", "YAML not well-formed. (line 2, column 7)"),
        ("a: 1\na: 2", "YAML not well-formed. (line 2, column 1) Duplicate key 'a'"),
        ('{"a": 1,}', "JSON not well-formed. (line 1, column 9)"),
        ('{"a": 1, "a": 2}', "JSON not well-formed. Duplicate key 'a'"),
        ('{"a":' * 200 + "1" + "}" * 200, "JSON not well-formed. It is nested too deeply"),
        ('{"a":' * 100_000, "JSON not well-formed. It is nested too deeply"),
        ("[" * 100_000, "YAML not well-formed. (line 1, column 102) It is nested too deeply"),
        (
            "a: !!python/object:os.system {}",
            "YAML not well-formed. (line 1, column 4) Unknown tag !!python/object:os.system",
        ),
        ("a: !Nothing x", "YAML not well-formed. (line 1, column 4) Unknown tag !Nothing"),
        ("a: &a [*a]", "YAML not well-formed. (line 1, column 8) Undefined alias 'a'"),
        ("a: 1\n---\nb: 2", "YAML not well-formed. (line 2, column 1) A template is one document"),
        ("- 1", "unsupported structure."),
        ("", "unsupported structure."),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, message):
    with pytest.raises(ValidationError) as raised:
        parse(text)
    assert raised.value.message == f"Template format error: {message}"


def test_an_alias_bomb_is_refused_while_it_is_small():
    with pytest.raises(ValidationError, match="Its aliases expand to too much"):
        parse(BOMB)
