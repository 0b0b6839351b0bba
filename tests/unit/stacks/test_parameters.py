import pytest

from pileus.stacks.errors import ValidationError
from pileus.stacks.parameters import resolve_parameters, values_of


async def ssm(name: str) -> str:
    stored = {"/ami": "ami-1", "/subnets": "s-1, s-2"}
    if name not in stored:
        raise ValidationError(f"Unable to fetch parameters [{name}] from parameter store for this account.")
    return stored[name]


async def resolve(declared: dict, previous: dict | None = None, **given):
    entries = [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]
    return await resolve_parameters(declared, entries, previous=previous, ssm=ssm)


async def value(declaration: dict, given: str):
    return values_of(await resolve({"P": declaration}, P=given))["P"]


async def refusal(declaration: dict, given: str) -> str:
    with pytest.raises(ValidationError) as raised:
        await value(declaration, given)
    return raised.value.message


async def test_defaults_are_text():
    declared = {"A": {"Type": "Number", "Default": 5}, "B": {"Type": "String", "Default": True}}
    assert values_of(await resolve(declared)) == {"A": "5", "B": "true"}


@pytest.mark.parametrize(
    ("kind", "given", "result"),
    [
        ("String", " a ", " a "),
        ("Number", "1.5", "1.5"),
        ("CommaDelimitedList", "a, b ,c", ["a", "b", "c"]),
        ("CommaDelimitedList", "", []),
        ("List<Number>", "1,2", ["1", "2"]),
        ("AWS::EC2::KeyPair::KeyName", "key", "key"),
        ("List<AWS::EC2::Subnet::Id>", "s-1,s-2", ["s-1", "s-2"]),
        ("AWS::SSM::Parameter::Name", "/ami", "/ami"),
        ("AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "/ami", "ami-1"),
        ("AWS::SSM::Parameter::Value<List<String>>", "/subnets", ["s-1", "s-2"]),
    ],
)
async def test_a_type_decides_what_ref_gives(kind, given, result):
    assert await value({"Type": kind}, given) == result


@pytest.mark.parametrize(
    ("declaration", "good", "bad", "message"),
    [
        ({"Type": "String", "AllowedValues": ["a", True]}, "true", "b", "Parameter 'P' must be one of AllowedValues"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "abc", "abc1", "Parameter 'P' must match pattern [a-z]+"),
        ({"Type": "String", "MinLength": 2}, "ab", "a", "Parameter 'P' must contain at least 2 characters"),
        ({"Type": "String", "MaxLength": "2"}, "ab", "abc", "Parameter 'P' must contain at most 2 characters"),
        ({"Type": "Number", "MinValue": 2}, "2", "1.9", "Parameter 'P' must be a number not less than 2"),
        ({"Type": "Number", "MaxValue": 2}, "2", "2.1", "Parameter 'P' must be a number not greater than 2"),
        ({"Type": "Number"}, "-1e3", "NaN", "Parameter 'P' must be a number"),
        ({"Type": "List<Number>"}, "1", "1,x", "Parameter 'P' must be a number"),
        (
            {"Type": "CommaDelimitedList", "AllowedValues": ["a"]},
            "a,a",
            "a,b",
            "Parameter 'P' must be one of AllowedValues",
        ),
        (
            {"Type": "String", "AllowedPattern": "x", "ConstraintDescription": "must be x"},
            "x",
            "y",
            "Parameter P failed to satisfy constraint: must be x",
        ),
    ],
)
async def test_a_constraint_refuses_from_its_edge_on(declaration, good, bad, message):
    await value(declaration, good)
    assert await refusal(declaration, bad) == message


async def test_what_has_no_value_and_what_is_not_declared_is_named():
    with pytest.raises(ValidationError, match=r"Parameters: \[A, B\] must have values"):
        await resolve({"A": {"Type": "String"}, "B": {"Type": "String"}})
    with pytest.raises(ValidationError, match=r"Parameters: \[X\] do not exist in the template"):
        await resolve({}, X="1")
    with pytest.raises(ValidationError, match="Unrecognized parameter type: Text"):
        await resolve({"A": {"Type": "Text"}}, A="")


async def test_a_previous_value_is_used_only_where_there_is_one():
    declared = {"A": {"Type": "String", "Default": "d"}}
    entry = [{"ParameterKey": "A", "UsePreviousValue": True}]
    assert values_of(await resolve_parameters(declared, entry, previous={"A": "old"}, ssm=ssm)) == {"A": "old"}
    with pytest.raises(ValidationError, match="not in the previous template"):
        await resolve_parameters(declared, entry, ssm=ssm)


async def test_a_missing_ssm_parameter_is_named():
    with pytest.raises(ValidationError, match="/nope"):
        await value({"Type": "AWS::SSM::Parameter::Value<String>"}, "/nope")


async def test_no_echo_is_masked_where_parameters_are_shown():
    declared = {
        "Secret": {"Type": "String", "NoEcho": "true"},
        "Ami": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/ami"},
    }
    parameters = await resolve(declared, Secret="hush")
    assert [parameter.shown() for parameter in parameters.values()] == [
        {"ParameterKey": "Secret", "ParameterValue": "****"},
        {"ParameterKey": "Ami", "ParameterValue": "/ami", "ResolvedValue": "ami-1"},
    ]
    assert parameters["Secret"].value == "hush"
