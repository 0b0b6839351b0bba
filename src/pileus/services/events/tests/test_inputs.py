"""What a target is sent of an event."""

import json

import pytest

from pileus.services.events.inputs import MISSING, InvalidInput, check, input_for, value_at

EVENT = {
    "version": "0",
    "id": "1",
    "source": "shop",
    "time": "2026-01-01T00:00:00Z",
    "resources": ["a", "b"],
    "detail": {"state": 'so "so"', "total": 1.5, "lines": [{"sku": "x"}, {"sku": "y"}], "is-new": True},
}


def text(**target) -> str:
    target = {"Id": "t", **target}
    check(target)
    return input_for(target, EVENT, rule_arn="arn:rule", rule_name="rule", received_ms=0)


def filled(template: str, **paths: str) -> str:
    return text(InputTransformer={"InputTemplate": template, "InputPathsMap": paths})


def test_without_more_it_is_the_event():
    assert json.loads(text()) == EVENT


def test_a_constant_is_sent_as_it_stands():
    assert text(Input='{ "a": 1 }') == '{ "a": 1 }'


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", EVENT),
        ("$.detail.total", 1.5),
        ("$.detail.is-new", True),
        ("$.resources[1]", "b"),
        ("$.detail.lines[0].sku", "x"),
        ("$.detail.lines[*].sku", ["x", "y"]),
        ("$.detail['state']", 'so "so"'),
        ("$.detail.none", None),
        ("$.resources[2]", None),
    ],
)
def test_a_path_leads_to_a_part(path, value):
    assert json.loads(text(InputPath=path)) == value


@pytest.mark.parametrize("path", ["", "detail", "$detail", "$.a[", "$..a", "$.a[-1]"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(InvalidInput):
        text(InputPath=path)


def test_nothing_is_told_from_null():
    assert value_at({"a": None}, "$.a") is None
    assert value_at({"a": None}, "$.b") is MISSING


def test_outside_of_strings_a_variable_is_json():
    template = '{"state": <state>, "total": <total>, "lines": <lines>, "new": <new>}'
    paths = {"state": "$.detail.state", "total": "$.detail.total", "lines": "$.detail.lines", "new": "$.detail.is-new"}
    assert json.loads(filled(template, **paths)) == {
        "state": 'so "so"',
        "total": 1.5,
        "lines": [{"sku": "x"}, {"sku": "y"}],
        "new": True,
    }


def test_inside_of_a_string_it_is_escaped_text():
    assert filled('"it is <state>: <total>"', state="$.detail.state", total="$.detail.total") == (
        '"it is so \\"so\\": 1.5"'
    )
    assert json.loads(filled('{"all": "<detail>"}', detail="$.detail"))["all"] == json.dumps(
        EVENT["detail"], separators=(",", ":")
    )
    assert filled('"say \\"<source>\\""', source="$.source") == '"say \\"shop\\""'


def test_a_path_that_leads_nowhere_leaves_nothing():
    assert filled('{"a": <none>, "b": "(<none>)"}', none="$.detail.none") == '{"a": "", "b": "()"}'


def test_several_strings_are_a_template_too():
    assert filled('"<source> line"\n"another"', source="$.source") == '"shop line"\n"another"'


def test_reserved_variables_are_there_without_a_path():
    template = (
        '{"arn": <aws.events.rule-arn>, "name": "<aws.events.rule-name>", "at": <aws.events.event.ingestion-time>,'
        ' "head": <aws.events.event>, "all": <aws.events.event.json>}'
    )
    assert json.loads(filled(template)) == {
        "arn": "arn:rule",
        "name": "rule",
        "at": "1970-01-01T00:00:00Z",
        "head": {name: value for name, value in EVENT.items() if name != "detail"},
        "all": EVENT,
    }


def test_what_looks_like_a_variable_and_is_none_is_refused():
    with pytest.raises(InvalidInput, match="contains invalid placeholder b"):
        filled('{"a": "<b>"}')
    assert filled('{"a": "1 < 2"}') == '{"a": "1 < 2"}'


def test_names_of_variables_must_not_be_reserved():
    with pytest.raises(InvalidInput, match="reserved name"):
        filled('{"a": 1}', **{"aws.x": "$.id"})
