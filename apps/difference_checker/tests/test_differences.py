"""The comparison alone: no cloud, no boto3."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from differences import compare, json_changes, word_changes


def test_the_words_that_changed_are_named_with_their_line():
    changes = word_changes("one two\nthree four\n", "one two\nthree five\n")
    assert changes == [{"line": 2, "removed": "four", "added": "five"}]


def test_words_with_only_spaces_between_are_one_change():
    assert word_changes("no big cat", "no small dog") == [{"line": 1, "removed": "big cat", "added": "small dog"}]


def test_equal_texts_have_no_changes():
    assert word_changes("same\n", "same\n") == []


def test_an_empty_document_gains_all_its_words():
    assert word_changes("", "new\n") == [{"line": 1, "removed": "", "added": "new\n"}]


def test_json_members_are_compared_by_path_whatever_their_order():
    old, new = {"a": 1, "b": {"c": [1, 2]}, "gone": None}, {"b": {"c": [1, 3, 4]}, "a": 1, "x y": True}
    assert json_changes(old, new) == [
        {"path": "$.b.c[1]", "removed": 2, "added": 3},
        {"path": "$.b.c[2]", "added": 4},
        {"path": "$.gone", "removed": None},
        {"path": '$["x y"]', "added": True},
    ]


def test_true_is_not_one():
    assert json_changes({"a": True}, {"a": 1}) == [{"path": "$.a", "removed": True, "added": 1}]


def test_a_broken_json_document_is_compared_as_text():
    assert compare("a.json", b'{"a": 1}', b'{"a": 2')["kind"] == "text"


def test_bytes_that_are_no_text_are_told_by_their_size():
    told = compare("a.txt", b"\xff\xfe\x00", b"text")
    assert told == {"kind": "binary", "count": 1, "changes": [{"removed": "3 bytes", "added": "4 bytes"}]}
