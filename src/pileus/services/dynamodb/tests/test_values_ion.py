"""Amazon Ion: what is written is read again, and garbage is refused."""

import random

import pytest

from pileus.services.dynamodb.values import ion, read_item

ITEM = {
    "text": {"S": "é\"\\\n\0'"},
    "": {"S": ""},
    "long number": {"N": "-1234567890123456789012345678901234567.8"},
    "tiny": {"N": "1E-130"},
    "binary": {"B": bytes(range(256))},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "list": {"L": [{"L": []}, {"M": {}}, {"N": "0"}]},
    "map": {"M": {"a b": {"SS": ["x", "y"]}, "$ion_1_0": {"NS": ["1", "2.5"]}, "null": {"BS": [b"", b"a"]}}},
}


def test_every_type_is_read_as_it_was_written():
    line = ion.line({"Item": ion.struct(ITEM)})
    assert b"\n" not in line
    read = ion.item(ion.read_line(line)["Item"])
    assert read.pop("") == {"S": ""}
    read["tiny"] = read_item({"tiny": read["tiny"]})["tiny"]
    assert read_item(read) == read_item({name: value for name, value in ITEM.items() if name})


def test_garbage_is_refused():
    """The C part of the library ends the process at some of these."""
    chances = random.Random(1)
    whole = bytearray(ion.line({"Item": ion.struct({"p": {"S": "a"}, "m": {"M": {"l": {"L": [{"N": "1"}]}}}})}))
    refused = 0
    for at in range(200):
        broken = bytearray(whole) if at % 2 else bytearray(chances.choices(b"{}[]():\"'$,.09aeT-+_ \\\xff\n", k=20))
        for _ in range(chances.randint(1, 4)):
            broken[chances.randrange(len(broken))] = chances.choice(b"{}[]():\"'$,.09aeT-+_ \\\xff\n")
        try:
            ion.item(ion.read_line(bytes(broken)).get("Item"))
        except ion.NotIon:
            refused += 1
    assert 100 < refused <= 200


@pytest.mark.parametrize(
    "text", [b"19'\xffea0{020\x0ea'(d", b"[" * 5000, b"{a:" * 5000, b"9" * 5000, b"", b"1 2", b"{} {}"]
)
def test_what_is_no_struct_is_refused(text):
    with pytest.raises(ion.NotIon):
        ion.read_line(text)


@pytest.mark.parametrize("value", ["2024-01-01T", "null.string", "(a b)", "$dynamodb_NS::[a]", "[2024T]", "{a:(b)}"])
def test_values_without_a_type_of_dynamodb_are_refused(value):
    with pytest.raises(ion.NotIon):
        ion.item(ion.read_line(f"{{a:{value}}}".encode()))
