import pytest

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.values import SerializationException, key_bytes, prefix_bytes, read, read_item, read_value
from pileus.services.dynamodb.values.compare import equal, less, less_or_equal

INVALID = "One or more parameter values were invalid: "


def nested(levels: int, kind: str) -> dict:
    value = {"S": "deep"}
    for _ in range(levels):
        value = {"L": [value]} if kind == "L" else {"M": {"a": value}}
    return value


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"S": ""}, {"S": ""}),
        ({"S": "a", "N": None}, {"S": "a"}),
        ({"N": "1.50"}, {"N": "1.5"}),
        ({"B": "YQ=="}, {"B": b"a"}),
        ({"B": b"a"}, {"B": b"a"}),
        ({"B": ""}, {"B": b""}),
        ({"BOOL": False}, {"BOOL": False}),
        ({"NULL": True}, {"NULL": True}),
        ({"SS": ["b", "", "a"]}, {"SS": ["", "a", "b"]}),
        ({"NS": ["10", "9.0", "-1"]}, {"NS": ["-1", "9", "10"]}),
        ({"BS": ["Yg==", b"a"]}, {"BS": [b"a", b"b"]}),
        ({"L": []}, {"L": []}),
        ({"M": {"": {"L": [{"N": "01"}]}}}, {"M": {"": {"L": [{"N": "1"}]}}}),
    ],
)
def test_every_type_is_read_into_its_canonical_form(sent, kept):
    assert read_value(sent) == kept
    assert read_item({"x": sent}) == {"x": kept}


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({}, read.EMPTY),
        ({"S": None}, read.EMPTY),
        ({"Q": "a"}, read.EMPTY),
        (None, read.EMPTY),
        ({"S": "a", "N": "1"}, read.MORE_THAN_ONE),
        ({"NULL": False}, INVALID + "Null attribute value types must have the value of true"),
        ({"SS": []}, INVALID + "An string set  may not be empty"),
        ({"NS": []}, INVALID + "An number set  may not be empty"),
        ({"BS": []}, INVALID + "Binary sets should not be empty"),
        ({"SS": ["a", "a"]}, INVALID + "Input collection [a, a] contains duplicates."),
        ({"NS": ["1", "1.0"]}, "Input collection contains duplicates"),
        ({"BS": ["YQ==", "YQ=="]}, INVALID + "Input collection [YQ==, YQ==]of type BS contains duplicates."),
        ({"L": [{}]}, read.EMPTY),
        ({"M": {"a": {"N": "x"}}}, "The parameter cannot be converted to a numeric value: x"),
    ],
)
def test_what_no_value_may_be_is_refused_in_awss_words(sent, message):
    with pytest.raises(ValidationException) as refused:
        read_item({"x": sent})
    assert refused.value.message == message


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ("a", "Unexpected value type in payload"),
        (1, "Unexpected value type in payload"),
        ([], "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.AttributeValue"),
        ({"S": 1}, "NUMBER_VALUE cannot be converted to String"),
        ({"N": 1.5}, "DECIMAL_VALUE cannot be converted to String"),
        ({"N": True}, "TRUE_VALUE cannot be converted to String"),
        ({"S": []}, "Unrecognized collection type class java.lang.String"),
        ({"S": {}}, "Start of structure or map found where not expected."),
        ({"BOOL": "true"}, "Unexpected token received from parser"),
        ({"BOOL": 1}, "NUMBER_VALUE cannot be converted to Boolean"),
        ({"NULL": 0}, "NUMBER_VALUE cannot be converted to Boolean"),
        ({"L": "a"}, "Unexpected field type"),
        ({"L": {}}, "Start of structure or map found where not expected."),
        ({"M": "a"}, "Unexpected field type"),
        ({"SS": ["a", 1]}, "NUMBER_VALUE cannot be converted to String"),
        ({"S": "a", "N": 1}, "NUMBER_VALUE cannot be converted to String"),
        ({"B": "YQ="}, "Base64 encoded length is expected a multiple of 4 bytes but found: 3"),
        ({"B": "Y!=="}, "Invalid Base64 character: '!'"),
    ],
)
def test_a_wrong_json_type_is_a_serialization_exception(sent, message):
    with pytest.raises(SerializationException) as refused:
        read_item({"x": sent})
    assert refused.value.message == message


@pytest.mark.parametrize("kind", ["L", "M"])
def test_a_value_is_at_most_32_levels_deep(kind):
    assert read_value(nested(31, kind)) == nested(31, kind)
    empty = nested(31, kind)
    innermost = empty
    for _ in range(31):
        innermost = innermost["L"][0] if kind == "L" else innermost["M"]["a"]
    del innermost["S"]
    innermost[kind] = [] if kind == "L" else {}
    assert read_value(empty) == empty
    with pytest.raises(ValidationException) as refused:
        read_value(nested(32, kind))
    assert refused.value.message == (
        "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
    )


@pytest.mark.parametrize("wrapped", [lambda item: item, lambda item: {"a": {"L": [{"M": item}]}}])
def test_names_have_at_most_65535_bytes_at_every_depth(wrapped):
    assert read_item(wrapped({"x" * 65_535: {"S": ""}}))
    for name in ("x" * 65_536, "é" * 32_768):
        with pytest.raises(ValidationException) as refused:
            read_item(wrapped({name: {"S": ""}}))
        assert refused.value.message == "Attribute name is too large, must be less than 65536 bytes"


def test_no_attribute_has_an_empty_name():
    with pytest.raises(ValidationException, match="Empty attribute name"):
        read_item({"": {"S": ""}})


def test_reading_leaves_what_was_sent_as_it_was():
    sent = {"a": {"N": "1.0"}, "b": {"SS": ["b", "a"]}, "c": {"M": {"d": {"B": "YQ=="}}}}
    read_item(sent)
    assert sent == {"a": {"N": "1.0"}, "b": {"SS": ["b", "a"]}, "c": {"M": {"d": {"B": "YQ=="}}}}


def test_sets_are_equal_in_any_order():
    assert equal(read_value({"SS": ["a", "b"]}), read_value({"SS": ["b", "a"]}))
    assert equal(read_value({"L": [{"NS": ["1", "2"]}]}), read_value({"L": [{"NS": ["2.0", "1"]}]}))
    assert not equal({"L": [{"S": "a"}, {"S": "b"}]}, {"L": [{"S": "b"}, {"S": "a"}]})


def test_only_values_of_one_ordered_type_have_an_order():
    assert less({"N": "9"}, {"N": "10"})
    assert less({"S": "10"}, {"S": "9"})
    assert less({"B": b"\x7f"}, {"B": b"\x80"})
    assert not less({"N": "9"}, {"S": "99"})
    assert not less({"BOOL": False}, {"BOOL": True})
    assert less_or_equal({"N": "0.5"}, {"N": "0.5"})
    assert not less_or_equal({"BOOL": True}, {"BOOL": True})


@pytest.mark.parametrize(
    "keys",
    [
        [{"S": text} for text in ("", "\0", "\0\0", "\0a", "a", "a\0", "a\0b", "aa", "b", "é", "\uffff", "\U00010000")],
        [{"B": data} for data in (b"\0", b"\0\0", b"\0\x01", b"\x01", b"a", b"a\0", b"a\xff", b"\xff", b"\xff\0")],
    ],
)
def test_the_bytes_of_keys_sort_as_the_keys_do_and_delimit_themselves(keys):
    packed = [key_bytes(key) for key in keys]
    assert packed == sorted(packed)
    assert not any(a != b and b.startswith(a) for a in packed for b in packed)
    for beginning in keys:
        (content,) = beginning.values()
        for key in keys:
            (other,) = key.values()
            assert key_bytes(key).startswith(prefix_bytes(beginning)) == other.startswith(content)
