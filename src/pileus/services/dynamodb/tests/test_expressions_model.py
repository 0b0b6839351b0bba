"""Expressions against a model in plain Python: values are Python's own, and nothing of ours is used to judge."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.expressions import bind
from pileus.services.dynamodb.values import read_item

# --- plain values and their wire form: int, str, bytes, bool, None, list, dict, frozenset of one of the first three

NAMES = ["a1", "b1", "c1", "d1"]
MISSING = object()

scalars = st.one_of(
    st.integers(-20, 20),
    st.decimals(-20, 20, places=2),
    st.sampled_from(["", "a", "ab", "abc", "b", "é"]),
    st.sampled_from([b"", b"a", b"ab", b"\x80"]),
    st.booleans(),
    st.none(),
)
sets = st.one_of(
    st.frozensets(st.integers(-3, 3), min_size=1, max_size=3),
    st.frozensets(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=3),
    st.frozensets(st.sampled_from([b"a", b"b"]), min_size=1, max_size=2),
)
plain = st.recursive(
    st.one_of(scalars, sets),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)),
    max_leaves=6,
)
# Paths lead into them often, not always: a1 is mostly a map, b1 a list of maps, c1 a number.
items = st.fixed_dictionaries(
    {
        "a1": st.one_of(st.dictionaries(st.sampled_from(NAMES), plain, min_size=1, max_size=4), plain),
        "b1": st.one_of(
            st.lists(st.one_of(st.dictionaries(st.sampled_from(NAMES), scalars, max_size=3), plain), max_size=4), plain
        ),
    },
    optional={"c1": st.one_of(st.integers(-9, 9), plain), "d1": sets},
)


def wire(value) -> dict:
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | Decimal):
        return {"N": str(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bytes):
        return {"B": value}
    if isinstance(value, list):
        return {"L": [wire(one) for one in value]}
    if isinstance(value, dict):
        return {"M": {name: wire(one) for name, one in value.items()}}
    kind = kind_of(value)
    return {kind: [str(one) if kind == "NS" else one for one in value]}


def canonical(item: dict) -> dict:
    return read_item({name: wire(value) for name, value in item.items()})


def kind_of(value) -> str:
    for kind, types in (
        ("NULL", type(None)),
        ("BOOL", bool),
        ("N", int | Decimal),
        ("S", str),
        ("B", bytes),
        ("L", list),
        ("M", dict),
    ):
        if isinstance(value, types):
            return kind
    return {int: "NS", str: "SS", bytes: "BS"}[type(next(iter(value)))]


def same(left, right) -> bool:
    """Equality that tells 1 from True, at every depth."""
    if left is MISSING or right is MISSING or kind_of(left) != kind_of(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    return left == right


def ordered(left, right, test) -> bool:
    if left is MISSING or right is MISSING:
        return False
    if kind_of(left) != kind_of(right) or kind_of(left) not in ("N", "S", "B"):
        return False
    if isinstance(left, str):
        left, right = left.encode(), right.encode()
    return test(left, right)


# --- conditions: (text, function of the item), values by the way

ORDERS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@st.composite
def paths(draw, depth: int = 2):
    """The text of a path, and its parts."""
    text = draw(st.sampled_from(NAMES))
    parts: list = [text]
    for _ in range(draw(st.sampled_from([0, 1, depth]))):
        if (parts == ["b1"]) == draw(st.sampled_from([True, True, True, False])):
            parts.append(draw(st.integers(0, 3)))
            text += f"[{parts[-1]}]"
        else:
            parts.append(draw(st.sampled_from(NAMES)))
            text += f".{parts[-1]}"
    return text, tuple(parts)


def look(item, parts):
    for part in parts:
        if isinstance(part, int):
            if not isinstance(item, list) or part >= len(item):
                return MISSING
        elif not isinstance(item, dict) or part not in item:
            return MISSING
        item = item[part]
    return item


class Case:
    """A condition being drawn: collects the values it names."""

    def __init__(self) -> None:
        self.values: dict = {}

    def value(self, value) -> str:
        name = f":v{len(self.values)}"
        self.values[name] = value
        return name


def primitive(draw, case: Case):
    text, parts = draw(paths())

    def find(item):
        return look(item, parts)

    choice = draw(st.integers(0, 11))
    if choice == 0:
        value = draw(plain)
        return f"{text} = {case.value(value)}", lambda item: same(find(item), value)
    if choice == 1:
        value = draw(plain)
        return f"{case.value(value)} <> {text}", lambda item: not same(find(item), value)
    if choice == 2:
        operator, value = draw(st.sampled_from(sorted(ORDERS))), draw(scalars)
        if kind_of(value) not in ("N", "S", "B"):
            value = "a"
        return (
            f"{text} {operator} {case.value(value)}",
            lambda item: ordered(find(item), value, ORDERS[operator]),
        )
    if choice == 3:
        some = draw(
            st.sampled_from([st.integers(-20, 20), st.sampled_from(["", "a", "ab", "é"]), st.binary(max_size=2)])
        )
        low, high = sorted(draw(st.tuples(some, some)))
        return (
            f"{text} BETWEEN {case.value(low)} AND {case.value(high)}",
            lambda item: ordered(low, find(item), ORDERS["<="]) and ordered(find(item), high, ORDERS["<="]),
        )
    if choice == 4:
        options = draw(st.lists(plain, min_size=1, max_size=3))
        return (
            f"{text} IN ({', '.join(case.value(option) for option in options)})",
            lambda item: any(same(find(item), option) for option in options),
        )
    if choice == 5:
        return f"attribute_exists({text})", lambda item: find(item) is not MISSING
    if choice == 6:
        kind = draw(st.sampled_from(["S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"]))
        return (
            f"attribute_type({text}, {case.value(kind)})",
            lambda item: find(item) is not MISSING and kind_of(find(item)) == kind,
        )
    if choice == 7:
        wanted = draw(plain)
        return f"contains({text}, {case.value(wanted)})", lambda item: within(find(item), wanted)
    if choice == 8:
        start = draw(st.sampled_from(["", "a", "ab", b"", b"a", b"\x80"]))
        return f"begins_with({text}, {case.value(start)})", lambda item: begins(find(item), start)
    if choice == 9:
        return f"attribute_not_exists({text})", lambda item: find(item) is MISSING
    if choice == 10:
        other, other_parts = draw(paths().filter(lambda path: path[1] != parts))
        operator = draw(st.sampled_from(["=", "<>", *sorted(ORDERS)]))

        def compared(item):
            left, right = find(item), look(item, other_parts)
            if operator in ORDERS:
                return ordered(left, right, ORDERS[operator])
            return same(left, right) == (operator == "=")

        return f"{text} {operator} {other}", compared
    size, operator = draw(st.integers(0, 4)), draw(st.sampled_from(sorted(ORDERS)))
    sized = str | bytes | list | dict | frozenset
    return (
        f"size({text}) {operator} {case.value(size)}",
        lambda item: isinstance(find(item), sized) and ORDERS[operator](len(find(item)), size),
    )


def begins(text, start) -> bool:
    return isinstance(text, str | bytes) and type(text) is type(start) and text.startswith(start)


def within(container, wanted) -> bool:
    if isinstance(container, str | bytes):
        return type(container) is type(wanted) and wanted in container
    if isinstance(container, list):
        return any(same(one, wanted) for one in container)
    if isinstance(container, frozenset):
        return kind_of(container) == f"{kind_of(wanted)}S" and wanted in container
    return False


@st.composite
def conditions(draw):
    case = Case()

    def whole(depth: int):
        choice = draw(st.integers(0, 3)) if depth else 3
        if choice == 0:
            text, holds = whole(depth - 1)
            return f"NOT ({text})", lambda item: not holds(item)
        if choice in (1, 2):
            (left, one), (right, other) = whole(depth - 1), whole(depth - 1)
            if choice == 1:
                return f"({left}) AND ({right})", lambda item: one(item) and other(item)
            return f"({left}) OR ({right})", lambda item: one(item) or other(item)
        return primitive(draw, case)

    text, holds = whole(draw(st.integers(0, 3)))
    return text, case.values, holds


def request_of(parameter: str, text: str, values: dict) -> dict:
    sent = {name: wire(value) for name, value in values.items()}
    return {parameter: text} | ({"ExpressionAttributeValues": sent} if sent else {})


@settings(max_examples=300, deadline=None)
@given(conditions(), items)
def test_conditions_and_filters_hold_where_the_model_says(condition, item):
    text, values, holds = condition
    found = canonical(item)
    assert bind(request_of("ConditionExpression", text, values)).condition.holds(found) == holds(item)
    assert bind(request_of("FilterExpression", text, values)).filter.holds(found) == holds(item)


@st.composite
def flat_conditions(draw):
    """a AND NOT b OR c … without parentheses, judged by Python's own precedence, which is the same."""
    words, names = [], []
    for number in range(draw(st.integers(1, 6))):
        if number:
            words.append(draw(st.sampled_from(["AND", "OR"])))
        words += ["NOT"] * draw(st.integers(0, 2))
        names.append(f"x{number}")
        words.append(names[-1])
    return words, names


@given(flat_conditions(), st.integers(0, 63))
def test_not_binds_before_and_and_and_before_or(condition, bits):
    words, names = condition
    truth = {name: bool(bits >> number & 1) for number, name in enumerate(names)}
    text = " ".join(f"attribute_exists({word})" if word in truth else word for word in words)
    wanted = eval(" ".join(word.lower() for word in words), {}, truth)
    item = {name: {"N": "1"} for name in names if truth[name]}
    assert bind({"FilterExpression": text}).filter.holds(item) == wanted


# --- projections


@settings(max_examples=150, deadline=None)
@given(st.lists(paths(), min_size=1, max_size=4), items)
def test_projections_show_what_the_model_shows(chosen, item):
    text = ", ".join(text for text, _ in chosen)
    all_parts = [parts for _, parts in chosen]
    try:
        projection = bind({"ProjectionExpression": text}).projection
    except ValidationException as refused:
        assert clash(all_parts), refused
        return
    assert not clash(all_parts)
    assert projection.of(canonical(item)) == canonical(kept(item, all_parts))


def clash(all_parts) -> bool:
    """Whether two paths overlap or conflict: all pairs, part by part."""
    for number, one in enumerate(all_parts):
        for other in all_parts[number + 1 :]:
            for left, right in zip(one, other, strict=False):
                if left != right:
                    if type(left) is not type(right):
                        return True
                    break
            else:
                return True
    return False


def kept(item: dict, all_parts) -> dict:
    """The item without what no path names; a map or list of which nothing is left is gone too."""
    shown = {name: below(value, [parts[1:] for parts in all_parts if parts[0] == name]) for name, value in item.items()}
    return {name: value for name, value in shown.items() if value is not MISSING}


def below(value, all_parts):
    if not all_parts:
        return MISSING
    if () in all_parts:
        return value
    if isinstance(value, dict):
        return kept(value, all_parts) or MISSING
    if isinstance(value, list):
        shown = [
            below(element, [parts[1:] for parts in all_parts if parts[0] == index])
            for index, element in enumerate(value)
        ]
        return [one for one in shown if one is not MISSING] or MISSING
    return MISSING


# --- updates


CHOICES = [
    "SET",
    "SET +",
    "SET if",
    "SET append",
    "SET copy",
    "REMOVE",
    "ADD",
    "DELETE",
    *["SET", "SET if", "REMOVE"] * 3,
]


@st.composite
def paths_into(draw, item):
    """A path that leads along what is in the item, and sometimes astray."""
    text, parts, found = "", (), item
    for _ in range(draw(st.sampled_from([1, 1, 2, 2, 3]))):
        if isinstance(found, list) and draw(st.integers(0, 9)):
            parts += (draw(st.integers(0, len(found))),)
            text += f"[{parts[-1]}]"
        elif isinstance(found, dict) or not draw(st.integers(0, 9)):
            known = sorted(found) if isinstance(found, dict) else []
            parts += (draw(st.sampled_from(known * 3 + NAMES)),)
            text += f".{parts[-1]}" if text else parts[-1]
        else:
            break
        found = look(item, parts)
    return text, parts


@st.composite
def updates(draw, item):
    """Up to four actions on paths that do not clash: (sections' texts, values, actions for the model)."""
    chosen: list = []
    for text, parts in draw(st.lists(paths_into(item), min_size=1, max_size=4)):
        if not clash([parts, *(other for _, other in chosen)]):
            chosen.append((text, parts))
    case = Case()
    sections: dict[str, list[str]] = {}
    actions = []
    for text, parts in chosen:
        choice = draw(st.sampled_from(CHOICES))
        section = choice.split()[0]
        if choice == "SET":
            value = draw(plain)
            written, make = f"{text} = {case.value(value)}", lambda item, value=value: value
        elif choice == "SET +":
            number = draw(st.integers(-9, 9))
            written = f"{text} = {text} + {case.value(number)}"

            def make(item, parts=parts, number=number):
                return require(item, parts, int | Decimal) + number
        elif choice == "SET if":
            other, other_parts = draw(paths_into(item))
            value = draw(plain)
            written = f"{text} = if_not_exists({other}, {case.value(value)})"

            def make(item, other_parts=other_parts, value=value):
                found = look(item, other_parts)
                return value if found is MISSING else found
        elif choice == "SET append":
            value = draw(st.lists(scalars, max_size=2))
            written = f"{text} = list_append({case.value(value)}, {text})"

            def make(item, parts=parts, value=value):
                return value + require(item, parts, list)
        elif choice == "SET copy":
            other, other_parts = draw(paths_into(item))
            written = f"{text} = {other}"

            def make(item, other_parts=other_parts):
                return require(item, other_parts, object)
        elif choice == "REMOVE":
            written, make = text, lambda item: MISSING
        else:
            value = draw(sets)
            written = f"{text} {case.value(value)}"

            def make(item, parts=parts, value=value, section=section):
                found = look(item, parts)
                if found is MISSING:
                    return value if section == "ADD" else MISSING
                if kind_of(found) != kind_of(value):
                    raise Refused
                return found | value if section == "ADD" else (found - value or MISSING)

        sections.setdefault(section, []).append(written)
        actions.append((parts, make))
    return " ".join(f"{name} {', '.join(texts)}" for name, texts in sections.items()), case.values, actions


class Refused(Exception):
    pass


def require(item, parts, kind):
    found = look(item, parts)
    if found is MISSING or not isinstance(found, kind) or (isinstance(found, bool) and kind is not object):
        raise Refused
    return found


def modelled(item: dict, actions) -> dict:
    """One change after the other on a deep copy; elements appended and removed at the end, so that indexes hold."""
    changes = [(parts, make(item)) for parts, make in actions]
    result = clone(item)
    appended, removed = [], []
    for parts, value in changes:
        parent, last = look(result, parts[:-1]), parts[-1]
        if not isinstance(parent, list if isinstance(last, int) else dict):
            raise Refused
        if isinstance(last, int):
            if value is MISSING:
                removed.append((parent, last))
            elif last < len(parent):
                parent[last] = clone(value)
            else:
                appended.append((last, parent, clone(value)))
        elif value is MISSING:
            parent.pop(last, None)
        else:
            parent[last] = clone(value)
    lengths = {id(parent): len(parent) for _, parent, _ in appended} | {
        id(parent): len(parent) for parent, _ in removed
    }
    for _, parent, value in sorted(appended, key=lambda one: one[0]):
        parent.append(value)
    for parent, index in sorted(removed, key=lambda one: -one[1]):
        if index < lengths[id(parent)]:
            del parent[index]
    return result


def clone(value):
    if isinstance(value, dict):
        return {name: clone(one) for name, one in value.items()}
    return [clone(one) for one in value] if isinstance(value, list) else value


@settings(max_examples=250, deadline=None)
@given(st.data(), items)
def test_updates_make_what_the_model_makes(data, item):
    text, values, actions = data.draw(updates(item))
    before = canonical(item)
    bound = bind(request_of("UpdateExpression", text, values)).update
    try:
        wanted = canonical(modelled(item, actions))
    except Refused:
        wanted = None
    try:
        found = bound.apply(before, ()).item
    except ValidationException:
        found = None
    assert found == wanted
    assert before == canonical(item)


# --- every text is answered, by a meaning or by a refusal

WORDS = st.sampled_from(
    [
        "a",
        "b",
        ":v",
        "#n",
        "(",
        ")",
        "[",
        "]",
        "0",
        "1",
        ",",
        ".",
        "=",
        "<>",
        "<",
        "<=",
        ">",
        ">=",
        "+",
        "-",
        "AND",
        "OR",
        "NOT",
        "BETWEEN",
        "IN",
        "SET",
        "REMOVE",
        "ADD",
        "DELETE",
        "size",
        "attribute_exists",
        "begins_with",
        "contains",
        "if_not_exists",
        "list_append",
        "attribute_type",
        "$",
        "name",
    ]
)


@settings(max_examples=250, deadline=None)
@given(
    st.sampled_from(
        [
            "ConditionExpression",
            "UpdateExpression",
            "ProjectionExpression",
            "FilterExpression",
            "KeyConditionExpression",
        ]
    ),
    st.lists(WORDS, max_size=14).map(" ".join),
)
def test_any_text_is_bound_or_refused(parameter, text):
    try:
        bind(
            {parameter: text, "ExpressionAttributeNames": {"#n": "n"}, "ExpressionAttributeValues": {":v": {"N": "1"}}}
        )
    except ValidationException as refused:
        assert refused.message
