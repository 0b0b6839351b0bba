import pytest

from pileus.kernel.errors import AwsError
from pileus.stacks.conditions import check_rules, evaluate_conditions
from pileus.stacks.dynamic import DynamicReference, dynamic_references_in, resolve_dynamic
from pileus.stacks.intrinsics import Made, Pseudo, Scope, Unknown, evaluate
from pileus.stacks.template import Template

PSEUDO = Pseudo("000000000000", "eu-west-1", "shop", "arn:aws:cloudformation:eu-west-1:000000000000:stack/shop/1")
SCOPE = Scope(
    PSEUDO,
    parameters={"Name": "jobs", "Zones": ["a", "b"], "Size": "5"},
    mappings={"Sizes": {"small": {"memory": 128, "list": ["x", "y"]}}},
    conditions={"Yes": True, "No": False},
    resources={
        "Queue": Made("https://queue", {"Arn": "arn:queue", "Endpoint": {"Port": 1}, "Outputs.Url": "u"}),
        "Later": None,
    },
    exports={"shop-vpc": "vpc-1"},
    zones=lambda region: [region + "a", region + "b"],
)
EXTENDED = Scope(**{**SCOPE.__dict__, "has_language_extensions": True})


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ({"Ref": "Name"}, "jobs"),
        ({"Ref": "Queue"}, "https://queue"),
        ({"Ref": "AWS::StackName"}, "shop"),
        ({"Ref": "AWS::NotificationARNs"}, []),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]}, {"b": [1]}),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "arn:queue"),
        ({"Fn::GetAtt": "Queue.Endpoint.Port"}, 1),
        ({"Fn::GetAtt": ["Queue", "Outputs.Url"]}, "u"),
        ({"Fn::Sub": "${Name}-${Queue.Arn}-${AWS::Region}-${!Literal}-$x"}, "jobs-arn:queue-eu-west-1-${Literal}-$x"),
        ({"Fn::Sub": ["${A}/${Name}", {"A": {"Ref": "Size"}}]}, "5/jobs"),
        ({"Fn::Sub": ["${A}", {"A": "${!Name} ${Name}"}]}, "${!Name} ${Name}"),
        ({"Fn::Sub": "${Zones}"}, "a,b"),
        ({"Fn::Join": ["-", [{"Ref": "Name"}, 1, True]]}, "jobs-1-true"),
        ({"Fn::Join": [",", {"Ref": "Zones"}]}, "a,b"),
        ({"Fn::Select": ["1", {"Ref": "Zones"}]}, "b"),
        ({"Fn::Select": [0, {"Fn::Split": ["|", "x|y|z"]}]}, "x"),
        ({"Fn::FindInMap": ["Sizes", "small", "memory"]}, 128),
        ({"Fn::Base64": {"Fn::Sub": "${Name}"}}, "am9icw=="),
        ({"Fn::Cidr": ["10.0.0.0/16", 3, 8]}, ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]),
        ({"Fn::Select": [1, {"Fn::Cidr": ["2001:db8::/56", "2", "64"]}]}, "2001:db8:0:1::/64"),
        ({"Fn::GetAZs": ""}, ["eu-west-1a", "eu-west-1b"]),
        ({"Fn::GetAZs": {"Ref": "AWS::Region"}}, ["eu-west-1a", "eu-west-1b"]),
        ({"Fn::ImportValue": {"Fn::Sub": "${AWS::StackName}-vpc"}}, "vpc-1"),
        ({"Fn::If": ["Yes", "a", {"Ref": "Nobody"}]}, "a"),
        ({"x": {"Fn::If": ["No", "a", {"Ref": "AWS::NoValue"}]}}, {}),
        (
            {"Condition": {"Bool": {"aws:SecureTransport": False}}},
            {"Condition": {"Bool": {"aws:SecureTransport": False}}},
        ),
    ],
)
def test_a_function_gives_its_value(value, result):
    assert evaluate(value, SCOPE) == result


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"Ref": "Nobody"},
            "Template format error: Unresolved resource dependencies [Nobody] in the Resources block of the template",
        ),
        (
            {"Fn::GetAtt": ["Queue"]},
            "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute",
        ),
        (
            {"Fn::GetAtt": ["Nobody", "Arn"]},
            "Template error: instance of Fn::GetAtt references undefined resource Nobody",
        ),
        (
            {"Fn::GetAtt": ["Queue", "Nope"]},
            "Template error: resource Queue does not support attribute type Nope in Fn::GetAtt",
        ),
        (
            {"Fn::Sub": "${a-b}"},
            "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons",
        ),
        (
            {"Fn::Select": [2, {"Ref": "Zones"}]},
            "Template error: Fn::Select cannot select nonexistent value at index 2",
        ),
        (
            {"Fn::FindInMap": ["Sizes", "large", "memory"]},
            "Template error: Unable to get mapping for Sizes::large::memory",
        ),
        (
            {"Fn::FindInMap": ["Nope", "a", "b"]},
            "Template error: Mapping named 'Nope' is not present in the 'Mappings' section of template.",
        ),
        ({"Fn::If": ["Maybe", 1, 2]}, "Template error: unresolved condition dependency Maybe in Fn::If"),
        ({"Fn::If": ["Yes", 1]}, "Template error: Fn::If requires a list argument with three members"),
    ],
)
def test_a_function_used_wrongly_says_so(value, message):
    with pytest.raises(AwsError) as raised:
        evaluate(value, SCOPE)
    assert raised.value.message == message


@pytest.mark.parametrize("value", [{"Fn::Length": [1]}, {"Fn::ToJsonString": {}}, {"Fn::Foo": 1}])
def test_unknown_functions_are_named(value):
    with pytest.raises(
        AwsError, match=f"Encountered unsupported function: {next(iter(value))} Supported functions are"
    ):
        evaluate(value, SCOPE)


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ({"Fn::Length": {"Ref": "Zones"}}, 2),
        ({"Fn::ToJsonString": {"a": {"Ref": "Name"}, "b": [1, True]}}, '{"a":"jobs","b":[1,true]}'),
        ({"Fn::FindInMap": ["Sizes", "large", "memory", {"DefaultValue": {"Ref": "Size"}}]}, "5"),
        ({"Fn::GetAtt": [{"Fn::Sub": "Queue"}, "Arn"]}, "arn:queue"),
    ],
)
def test_language_extensions_add_functions(value, result):
    assert evaluate(value, EXTENDED) == result


def test_what_is_not_there_yet_makes_all_that_is_made_of_it_unknown():
    assert evaluate({"Ref": "Later"}, SCOPE) == Unknown(("Later",))
    assert evaluate({"Fn::Sub": "${Name}-${Later.Arn}"}, SCOPE) == Unknown(("Later.Arn",))
    assert evaluate({"Fn::Join": ["", [{"Ref": "Later"}, {"Fn::GetAtt": ["Later", "Arn"]}]]}, SCOPE) == Unknown(
        ("Later", "Later.Arn")
    )
    assert evaluate({"Fn::Select": [0, ["a", {"Ref": "Later"}]]}, SCOPE) == "a"


def conditions(**definitions):
    return evaluate_conditions(definitions, SCOPE)


def test_conditions_use_each_other_in_any_order():
    assert conditions(
        Both={"Fn::And": [{"Condition": "IsJobs"}, {"Fn::Not": [{"Condition": "IsBig"}]}]},
        IsJobs={"Fn::Equals": [{"Ref": "Name"}, "jobs"]},
        IsBig={"Fn::Equals": [{"Ref": "Size"}, 6]},
        Either={"Fn::Or": [{"Condition": "IsBig"}, {"Fn::Equals": [{"Fn::Select": [0, {"Ref": "Zones"}]}, "a"]}]},
    ) == {"Both": True, "IsJobs": True, "IsBig": False, "Either": True}


def test_conditions_that_need_themselves_are_refused():
    with pytest.raises(AwsError, match=r"Circular dependency between conditions: \[A, B\]"):
        conditions(A={"Fn::Not": [{"Condition": "B"}]}, B={"Fn::Not": [{"Condition": "A"}]})


@pytest.mark.parametrize("count", [1, 11])
def test_and_takes_two_to_ten(count):
    with pytest.raises(AwsError, match="at least 2 and at most 10"):
        conditions(A={"Fn::And": [{"Fn::Equals": [1, 1]}] * count})


def test_a_rule_refuses_parameters():
    rule = {
        "RuleCondition": {"Fn::Equals": [{"Ref": "Name"}, "jobs"]},
        "Assertions": [{"Assert": {"Fn::Contains": [["1", "2"], {"Ref": "Size"}]}, "AssertDescription": "small"}],
    }
    with pytest.raises(AwsError, match="small"):
        check_rules(Template({"Rules": {"R": rule}}), SCOPE)
    rule["Assertions"][0]["Assert"]["Fn::Contains"][0].append("5")
    check_rules(Template({"Rules": {"R": rule}}), SCOPE)


def test_dynamic_references_are_found_with_their_parts():
    found = dynamic_references_in(
        {
            "a": "{{resolve:ssm:/app/name:3}}",
            "b": ["x{{resolve:secretsmanager:db:SecretString:password:AWSCURRENT}}y", "{{resolve:ssm-secure:key}}"],
            "c": "{{resolve:secretsmanager:arn:aws:secretsmanager:us-east-1:000000000000:secret:db-Ab1:SecretString:user::v1}}",
        }
    )
    assert found == [
        DynamicReference("ssm", "/app/name", version="3"),
        DynamicReference("secretsmanager", "db", json_key="password", stage="AWSCURRENT"),
        DynamicReference("ssm-secure", "key"),
        DynamicReference(
            "secretsmanager",
            "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-Ab1",
            json_key="user",
            version_id="v1",
        ),
    ]


async def test_dynamic_references_are_filled_in_and_asked_for_once():
    asked = []

    async def resolver(reference):
        asked.append(reference.name)
        return f"<{reference.name}>"

    value = {"a": ["{{resolve:ssm:x}}-{{resolve:ssm:x}}"], "b": "plain"}
    assert await resolve_dynamic(value, resolver) == {"a": ["<x>-<x>"], "b": "plain"}
    assert asked == ["x"]
