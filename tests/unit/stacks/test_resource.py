import asyncio
from dataclasses import replace

import pytest

from pileus.kernel.clock import Clock
from pileus.kernel.errors import AwsError
from pileus.stacks.intrinsics import Unknown
from pileus.stacks.property_types import JSON, TAGS, MapOf, NotHonoured, Property, coerce
from pileus.stacks.resource import NotStabilized, ResourceContext, ResourceType

DECLARED = {
    "Name": Property(str),
    "Count": Property(int),
    "Ratio": Property(float),
    "On": Property(bool),
    "Ids": Property([str]),
    "Policy": Property(JSON),
    "Tags": Property(TAGS),
    "Inner": Property({"Value": Property(int, required=True)}),
    "Variables": Property(MapOf(str)),
    "Later": NotHonoured(harmless=[False, 300]),
}


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ({"Name": 5, "Count": "5", "Ratio": "0.5", "On": "true"}, {"Name": "5", "Count": 5, "Ratio": 0.5, "On": True}),
        ({"Name": False, "Count": 5.0, "On": "FALSE"}, {"Name": "false", "Count": 5, "On": False}),
        ({"Count": "123456789012345678"}, {"Count": 123456789012345678}),
        ({"Ids": [1, "a"]}, {"Ids": ["1", "a"]}),
        ({"Policy": '{"a": 1}'}, {"Policy": {"a": 1}}),
        ({"Inner": {"Value": "7"}}, {"Inner": {"Value": 7}}),
        ({"Variables": {"A": 1, "B": True}}, {"Variables": {"A": "1", "B": "true"}}),
        ({"Later": "false"}, {}),
        ({"Later": "300"}, {}),
        ({"Count": Unknown(("X",))}, {"Count": Unknown(("X",))}),
    ],
)
def test_properties_take_their_declared_types(given, result):
    assert coerce(given, DECLARED, "T::T::T") == result


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"Nope": 1}, "Encountered unsupported property Nope"),
        ({"Inner": {"Value": 1, "Nope": 1}}, "Encountered unsupported property Nope"),
        ({"Inner": {}}, "Property Value cannot be empty."),
        ({"Name": ["a"]}, "Value of property Name must be of type String"),
        ({"Count": "many"}, "Value of property Count must be of type Number"),
        ({"Count": 1.5}, "Value of property Count must be of type Number"),
        ({"On": "yes"}, "Value of property On must be of type Boolean"),
        ({"Ids": "a"}, "Value of property Ids must be of type List"),
        ({"Inner": "a"}, "Value of property Inner must be an object"),
        ({"Policy": "{"}, "Value of property Policy must be an object"),
        ({"Tags": [{"Key": "a"}]}, "Property Value cannot be empty."),
        ({"Later": True}, "Pileus does not honour the property Later of T::T::T yet."),
    ],
)
def test_what_does_not_fit_is_named(given, message):
    with pytest.raises(AwsError) as raised:
        coerce(given, DECLARED, "T::T::T")
    assert raised.value.message == message


def context(**members) -> ResourceContext:
    async def invoke(service, operation, request):
        raise AwsError("gone", code="NoSuchThing")

    defaults = {
        "account": "000000000000",
        "region": "us-east-1",
        "partition": "aws",
        "stack_name": "shop",
        "stack_id": "arn:stack/shop/1",
        "logical_id": "Jobs",
        "token": "t1",
        "clock": Clock(frozen_at_ms=0),
        "invoke": invoke,
    }
    return ResourceContext(**{**defaults, **members})


def test_a_physical_name_is_the_same_for_the_same_attempt_only():
    name = context().physical_name()
    assert name.startswith("shop-Jobs-") and len(name) == len("shop-Jobs-") + 12
    assert context().physical_name() == name
    assert context(token="t2").physical_name() != name
    assert context(stack_id="arn:stack/shop/2").physical_name() != name


@pytest.mark.parametrize("length", [16, 20, 32, 63])
def test_a_physical_name_fits_and_keeps_its_unique_end(length):
    long = context(stack_name="a-stack-with-a-name-of-some-length", logical_id="AResourceWithANameOfSomeLength")
    name = long.physical_name(length, lower=True)
    assert len(name) <= length and name == name.lower()
    assert name[-12:] != replace(long, token="t2").physical_name(length, lower=True)[-12:]


async def test_what_is_gone_already_is_deleted():
    assert await context().invoke_unless_gone("x", "Delete", {}, gone=("NoSuchThing",)) is None
    with pytest.raises(AwsError, match="gone"):
        await context().invoke_unless_gone("x", "Delete", {}, gone=("Other",))


async def test_waiting_ends_by_the_clock():
    here = context()
    looks = []

    async def never() -> bool:
        looks.append(here.clock.now_ms())
        asyncio.get_running_loop().call_soon(here.clock.advance, 400)
        return False

    with pytest.raises(NotStabilized):
        await here.wait_until(never, at_most_ms=1_000)
    assert looks == [0, 400, 800, 1_200]


def test_the_resources_own_tags_win():
    here = context(tags={"a": "stack", "b": "stack"})
    assert here.tags_with([{"Key": "a", "Value": "own"}]) == {"a": "own", "b": "stack"}


def test_attributes_may_end_in_anything():
    class Nested(ResourceType):
        name = "T::T::Nested"
        attributes = ("Arn", "Outputs.*")

    nested = Nested()
    assert nested.supports_attribute("Outputs.Url") and nested.supports_attribute("Arn")
    assert not nested.supports_attribute("Outputs") and not nested.supports_attribute("ArnX")
