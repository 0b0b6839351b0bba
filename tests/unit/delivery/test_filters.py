"""Which records a mapping's filters let through. Source: Lambda developer guide, the table in "Properly filtering Amazon
SQS messages"."""

import json

import pytest

from pileus.delivery.filters import Filters

META = {"eventSource": ["aws:sqs"]}
OTHER = {"eventSource": ["aws:other"]}
PLAIN = {"body": ["hello"]}
INSIDE = {"body": {"code": [200]}}


def wants(pattern: dict, body: str) -> bool:
    return Filters([json.dumps(pattern)], "body").want({"body": body, "eventSource": "aws:sqs"})


@pytest.mark.parametrize(
    ("pattern", "body", "expected"),
    [
        (PLAIN, "hello", True),
        (PLAIN, "bye", False),
        (META, "hello", True),
        (OTHER, "hello", False),
        (INSIDE, "hello", False),
        ({"body": {"code": [{"exists": False}]}}, "hello", False),
        ({"body": [{"anything-but": "x"}]}, '{"code": 200}', False),
        (META, '{"code": 200}', True),
        (INSIDE, '{"code": 200}', True),
        (INSIDE, '{"code": 404}', False),
        ({**INSIDE, **OTHER}, '{"code": 200}', False),
        ({"body": ["5"]}, "5", True),
        ({"$or": [INSIDE, OTHER]}, '{"code": 200}', True),
    ],
)
def test_the_data_and_the_pattern_must_be_of_one_kind(pattern, body, expected):
    assert wants(pattern, body) is expected


def test_one_pattern_of_several_is_enough():
    filters = Filters([json.dumps(INSIDE), json.dumps(PLAIN)], "body")
    assert filters.want({"body": "hello"})
    assert filters.want({"body": '{"code": 200}'})
    assert not filters.want({"body": "bye"})


def test_without_patterns_everything_is_wanted():
    assert Filters([], "body").want({"body": "x"})


def test_a_source_without_data_is_matched_as_it_is():
    record = {"eventName": "INSERT", "dynamodb": {"NewImage": {"age": {"N": "5"}}}}
    assert Filters(['{"eventName": ["INSERT"], "dynamodb": {"NewImage": {"age": {"N": ["5"]}}}}'], None).want(record)
    # Numbers are text in DynamoDB's JSON: numeric tests find none.
    assert not Filters(['{"dynamodb": {"NewImage": {"age": {"N": [{"numeric": [">", 1]}]}}}}'], None).want(record)
