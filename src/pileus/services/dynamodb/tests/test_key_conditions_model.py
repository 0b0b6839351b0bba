"""Queries against a model in plain Python: a sorted list, and a test of each of its elements."""

import operator
import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.expressions import bind
from pileus.services.dynamodb.state import reading
from pileus.services.dynamodb.state.reading import Reading
from pileus.services.dynamodb.tests.conftest import index, schema

# --- sort keys as Python has them; equal numbers and texts are equal keys

POOLS = {
    "N": [
        *map(Decimal, range(-12, 13)),
        *map(Decimal, ("0.5", "-0.5", "1E-130", "-1E-130", "1E+125", "-1E+125", "9.99", "99.9", "-99.9", "10.01")),
        Decimal("12345678901234567890123456789012345678"),
        Decimal("12345678901234567890123456789012345679"),
        Decimal("-12345678901234567890123456789012345678"),
        Decimal("0.12345678901234567890123456789012345678"),
    ],
    "S": [
        "a",
        "A",
        "aa",
        "ab",
        "b",
        "a\0",
        "a\0b",
        "\0",
        "z",
        "é",
        "e\u0301",
        "\uffff",
        "\U00010000",
        "ab\x7f",
        "ü" * 3,
        "Z",
    ],
    "B": [
        b"a",
        b"aa",
        b"ab",
        b"\0",
        b"\0\0",
        b"a\0",
        b"\xff",
        b"\xff\xff",
        b"\x7f",
        b"\x80",
        b"a\xff",
        b"a\xff\xff",
        b"b",
    ],
}
OPERATORS = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
PARTITIONS = ["p", "p\0", "q"]


def wire(value) -> dict:
    kinds = {Decimal: "N", str: "S", bytes: "B"}
    return {kinds[type(value)]: str(value) if isinstance(value, Decimal) else value}


def sortable(value):
    return value.encode() if isinstance(value, str) else value


@st.composite
def wanted(draw, kind: str):
    """A condition on the sort key c: (text, values, test of a sort key)."""
    value = st.sampled_from(POOLS[kind])
    if kind == "S":
        value |= st.text("ab\0é", min_size=1, max_size=3)
    elif kind == "B":
        value |= st.binary(min_size=1, max_size=3)
    else:
        value |= st.decimals(-20, 20, places=1)
    choice = draw(st.sampled_from(["compare", "compare", "between", "all"] + ["begins"] * (kind != "N")))
    if choice == "all":
        return "", {}, lambda key: True
    one = draw(value)
    if choice == "compare":
        sign = draw(st.sampled_from(sorted(OPERATORS)))
        text = draw(st.sampled_from([f"c {sign} :v", f"(c {sign} :v)", f":v {MIRRORED[sign]} #c"]))
        return text, {":v": one}, lambda key: OPERATORS[sign](sortable(key), sortable(one))
    if choice == "begins":
        return "begins_with(c, :v)", {":v": one}, lambda key: sortable(key).startswith(sortable(one))
    low, high = sorted((one, draw(value)), key=sortable)
    between = {":v": low, ":w": high}
    return "c BETWEEN :v AND :w", between, lambda key: sortable(low) <= sortable(key) <= sortable(high)


@pytest.mark.parametrize("kind", ["N", "S", "B"])
@pytest.mark.parametrize("of_index", [False, True])
async def test_queries_find_what_the_model_finds(cloud, kind, of_index):
    """of_index: c is the sort key of a global index, where several items may have the same."""
    rest = {"GlobalSecondaryIndexes": [index("gsi", "h", "c")]} if of_index else {}
    keys = schema("i", "j", h="S", c=kind) if of_index else schema("h", f"c:{kind}")
    await cloud.dynamodb.CreateTable(TableName="tbl", BillingMode="PAY_PER_REQUEST", **keys, **rest)
    await cloud.settle()
    chance = random.Random(7)
    stored = []
    for partition in PARTITIONS:
        pool = POOLS[kind] * (2 if of_index else 1)
        for key in chance.sample(pool, len(pool) * 3 // 4):
            number = str(len(stored))
            item = {"h": {"S": partition}, "c": wire(key), "n": {"N": number}, "i": {"S": number}, "j": {"S": "j"}}
            await cloud.dynamodb.PutItem(TableName="tbl", Item=item)
            stored.append((partition, key, int(number)))
    address = Address(cloud.account, cloud.region, "tbl")

    def pages(request: dict, limit: int, is_backward: bool):
        bound = bind(request, "KeyConditionExpression", "FilterExpression")
        start = None
        while True:
            asked = Reading(
                index="gsi" if of_index else "",
                tests=bound.key_condition,
                filter=bound.filter,
                start=start,
                limit=limit,
                is_backward=is_backward,
            )
            page, _ = cloud.pileus.store.look(reading.page, address, asked)
            yield page
            start = page.last_key
            if start is None:
                return

    @settings(max_examples=60, deadline=None)
    @given(
        wanted(kind),
        st.sampled_from([*PARTITIONS, "nobody"]),
        st.sampled_from([0, 0, 1, 2, 5]),
        st.booleans(),
        st.booleans(),
        st.none() | st.integers(0, 90),
    )
    def check(condition, partition, limit, is_backward, is_first, least):
        text, values, holds = condition
        terms = ["h = :h", text] if is_first else [text, "h = :h"]
        request = {
            "KeyConditionExpression": " AND ".join(filter(None, terms)),
            "ExpressionAttributeValues": {":h": {"S": partition}} | {name: wire(one) for name, one in values.items()},
        }
        if "#c" in text:
            request["ExpressionAttributeNames"] = {"#c": "c"}
        if least is not None:
            request["FilterExpression"] = "n >= :least"
            request["ExpressionAttributeValues"][":least"] = {"N": str(least)}
        met = [one for one in stored if one[0] == partition and holds(one[1])]
        kept = [one for one in met if least is None or one[2] >= least]

        read = list(pages(request, limit, is_backward))

        items = [item for page in read for item in page.items]
        assert sorted(int(item["n"]["N"]) for item in items) == sorted(one[2] for one in kept)
        by_number = {one[2]: sortable(one[1]) for one in kept}
        order = [by_number[int(item["n"]["N"])] for item in items]
        assert order == sorted(order, reverse=is_backward)
        assert sum(page.scanned for page in read) == len(met)
        assert all(page.scanned == (limit or len(met)) for page in read[:-1])
        assert not limit or read[-1].scanned < limit or len(met) == 0

    check()


WORDS = st.sampled_from(
    [
        "h",
        "c",
        "n",
        ":h",
        ":v",
        "#n",
        "=",
        "<",
        "<=",
        ">",
        ">=",
        "<>",
        "BETWEEN",
        "AND",
        "OR",
        "NOT",
        "IN",
        "begins_with",
        "size",
        "(",
        ")",
        ",",
        ".",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=9).map(" ".join))
def test_a_key_condition_is_an_equality_or_refused(text):
    request = {
        "KeyConditionExpression": text,
        "ExpressionAttributeValues": {name: {"S": "x"} for name in (":h", ":v") if name in text},
    }
    try:
        tests = bind(request).key_condition
    except ValidationException as refused:
        assert refused.message
        return
    assert len(tests.by_attribute) >= 1
    assert all(test.operator in {*OPERATORS, "BETWEEN", "begins_with"} for test in tests.by_attribute.values())
