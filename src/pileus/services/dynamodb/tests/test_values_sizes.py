import pytest

from pileus.services.dynamodb.values import item_bytes, read_value, value_bytes


@pytest.mark.parametrize(
    ("value", "size_bytes"),
    [
        ({"S": ""}, 0),
        ({"S": "aé"}, 3),
        ({"N": "0"}, 1),
        ({"N": "12"}, 2),
        ({"N": "-123"}, 4),
        ({"N": "1000"}, 2),
        ({"B": b"abc"}, 3),
        ({"BOOL": False}, 1),
        ({"NULL": True}, 1),
        ({"L": []}, 3),
        ({"L": [{"S": "ab"}, {"BOOL": True}]}, 3 + 2 + 3),
        ({"M": {}}, 3),
        ({"M": {"name": {"S": "ab"}}}, 3 + 1 + 4 + 2),
        ({"SS": ["a", "bcd"]}, 4),
        ({"NS": ["1", "234"]}, 5),
        ({"BS": [b"a", b"bc"]}, 3),
    ],
)
def test_values_have_the_sizes_that_the_developer_guide_gives(value, size_bytes):
    assert value_bytes(value) == size_bytes


@pytest.mark.parametrize(
    ("sent", "size_bytes"),
    [
        ("-0", 1),
        ("12345678901234567890123456789012345678", 20),
        ("0042", 2),
        ("1010", 3),
        ("0.0000001", 2),
        ("1E125", 2),
        ("1E-100", 2),
        ("1.5", 3),
        ("1.200", 3),
        ("1.234", 4),
        ("3.14159", 5),
        ("123456", 4),
        ("100.5", 4),
        ("0.15", 2),
        ("-42", 3),
    ],
)
def test_numbers_have_the_sizes_that_were_measured(sent, size_bytes):
    assert value_bytes(read_value({"N": sent})) == size_bytes


def test_an_item_is_as_large_as_its_names_and_values():
    assert item_bytes({"é": {"S": "ab"}, "n": {"N": "12"}}) == 2 + 2 + 1 + 2
