import json

import pytest

from pileus.stacks.errors import ValidationError
from pileus.stacks.graph import graph_of, included
from pileus.stacks.intrinsics import Made, Pseudo, Scope, evaluate
from pileus.stacks.outputs import Output, evaluate_outputs, imports_of
from pileus.stacks.plan import Before, Deployed, make_plan
from pileus.stacks.property_types import TAGS, NotHonoured, Property
from pileus.stacks.resource import ResourceType, ResourceTypes
from pileus.stacks.template import Template

PSEUDO = Pseudo("000000000000", "us-east-1", "shop", "arn:stack")


class Queue(ResourceType):
    name = "T::Q::Queue"
    properties = {
        "Name": Property(str, replacement=True),
        "Delay": Property(int),
        "Target": Property(str),
        "Mode": Property(str, replacement="conditional"),
        "Tags": Property(TAGS),
        "Ignored": NotHonoured(harmless=[1]),
    }
    attributes = ("Arn",)


class Stack(ResourceType):
    name = "AWS::CloudFormation::Stack"
    properties = {"TemplateURL": Property(str)}


TYPES = ResourceTypes([Queue, Stack])


def queue(**properties):
    members = {
        key: properties.pop(key)
        for key in ("DependsOn", "Condition", "DeletionPolicy", "UpdateReplacePolicy")
        if key in properties
    }
    return {"Type": Queue.name, "Properties": properties, **members}


def deployed(resources: dict, parameters: dict | None = None, **before) -> Before:
    """As if `resources` had been made."""
    made = {name: Made(f"id-{name}", {"Arn": f"arn-{name}"}) for name in resources}
    scope = Scope(PSEUDO, parameters=parameters or {}, resources=made)
    return Before(
        {
            name: Deployed(
                source["Type"],
                f"id-{name}",
                source,
                TYPES.get(source["Type"]).coerced(evaluate(source.get("Properties", {}), scope)),
                made[name],
            )
            for name, source in resources.items()
        },
        parameters=parameters or {},
        **before,
    )


def plan(before: Before, resources: dict, parameters: dict | None = None, *, tags=None, outputs=None):
    template = Template({"Resources": resources, "Outputs": outputs or {}})
    return make_plan(before, template, Scope(PSEUDO, parameters=parameters or {}), TYPES, tags=tags)


def only(plan) -> dict:
    (change,) = plan.shown()
    json.dumps(change)
    return change["ResourceChange"]


def test_a_new_stack_is_all_additions_in_the_templates_order():
    changes = plan(Before(), {"B": queue(Target={"Ref": "A"}), "A": queue()}).shown()
    assert changes == [
        {
            "Type": "Resource",
            "ResourceChange": {
                "Action": "Add",
                "LogicalResourceId": name,
                "ResourceType": "T::Q::Queue",
                "Scope": [],
                "Details": [],
            },
        }
        for name in "BA"
    ]


def test_the_same_template_changes_nothing():
    resources = {"A": queue(Name="a", Ignored="1"), "B": queue(Target={"Fn::GetAtt": ["A", "Arn"]})}
    assert plan(deployed(resources), resources).is_empty


def test_a_different_writing_of_the_same_value_changes_nothing():
    assert plan(deployed({"A": queue(Delay="5")}), {"A": queue(Delay=5)}).is_empty


def test_a_property_in_place():
    assert only(plan(deployed({"A": queue(Delay=5)}), {"A": queue(Delay=6)})) == {
        "Action": "Modify",
        "LogicalResourceId": "A",
        "PhysicalResourceId": "id-A",
        "ResourceType": "T::Q::Queue",
        "Replacement": "False",
        "Scope": ["Properties"],
        "Details": [
            {
                "Target": {"Attribute": "Properties", "Name": "Delay", "RequiresRecreation": "Never"},
                "Evaluation": "Static",
                "ChangeSource": "DirectModification",
            }
        ],
    }


def test_a_property_that_replaces_reaches_those_that_refer_to_it():
    users = {"B": queue(Target={"Ref": "A"}), "C": queue(Name={"Fn::GetAtt": ["A", "Arn"]}), "D": queue(Delay=1)}
    before = deployed({"A": queue(Name="a"), **users})
    result = plan(before, {"A": queue(Name="b", UpdateReplacePolicy="Retain"), **users})
    a, b, c = (change["ResourceChange"] for change in result.shown())
    assert (a["Replacement"], a["PolicyAction"]) == ("True", "ReplaceAndRetain")
    assert b["Replacement"] == "False"
    assert b["Details"] == [
        {
            "Target": {"Attribute": "Properties", "Name": "Target", "RequiresRecreation": "Never"},
            "Evaluation": "Dynamic",
            "ChangeSource": "ResourceReference",
            "CausingEntity": "A",
        }
    ]
    assert c["Replacement"] == "Conditional"
    assert [detail["CausingEntity"] for detail in c["Details"]] == ["A.Arn"]


def test_a_conditional_property_is_conditional():
    assert only(plan(deployed({"A": queue(Mode="x")}), {"A": queue(Mode="y")}))["Replacement"] == "Conditional"


def test_a_changed_parameter_is_named():
    resources = {"A": queue(Delay={"Ref": "P"}), "B": queue(Delay=1)}
    change = only(plan(deployed(resources, {"P": "1"}), resources, {"P": "2"}))
    assert [(d["Evaluation"], d["ChangeSource"], d.get("CausingEntity")) for d in change["Details"]] == [
        ("Static", "ParameterReference", "P"),
        ("Dynamic", "DirectModification", None),
    ]


def test_a_changed_parameter_that_changes_no_value_changes_nothing():
    resources = {"A": queue(Delay={"Fn::Select": [0, {"Fn::Split": ["-", {"Ref": "P"}]}]})}
    assert plan(deployed(resources, {"P": "1-a"}), resources, {"P": "1-b"}).is_empty


def test_an_attribute_of_what_is_modified_may_change():
    users = {"B": queue(Target={"Fn::GetAtt": ["A", "Arn"]}), "C": queue(Target={"Ref": "A"})}
    result = plan(deployed({"A": queue(Delay=1), **users}), {"A": queue(Delay=2), **users})
    assert result.of("Modify") == ["A", "B"]


def test_tags_are_a_scope_of_their_own_and_the_stacks_reach_every_resource_that_has_them():
    tagged = {"A": queue(Tags=[{"Key": "k", "Value": "v"}])}
    assert only(plan(deployed({"A": queue()}), tagged))["Scope"] == ["Tags"]
    assert only(plan(deployed({"A": queue()}), {"A": queue()}, tags={"k": "v"}))["Scope"] == ["Tags"]


def test_what_is_gone_is_removed_last_as_its_policy_says():
    before = deployed({"A": queue(DeletionPolicy="Retain"), "B": queue()})
    changes = [change["ResourceChange"] for change in plan(before, {"C": queue()}).shown()]
    assert [(change["Action"], change.get("PolicyAction")) for change in changes] == [
        ("Add", None),
        ("Remove", "Retain"),
        ("Remove", "Delete"),
    ]


def test_a_type_can_not_change():
    with pytest.raises(ValidationError, match=r"Update of resource type is not permitted.*\[A\]"):
        plan(deployed({"A": queue()}), {"A": {"Type": Stack.name}})


def test_a_nested_stack_may_always_have_changed():
    resources = {"A": {"Type": Stack.name, "Properties": {"TemplateURL": "u"}}}
    assert only(plan(deployed(resources), resources))["Details"][0]["ChangeSource"] == "Automatic"


def test_outputs_alone_are_a_change():
    resources, outputs = {"A": queue()}, {"O": {"Value": {"Ref": "A"}}}
    assert plan(deployed(resources, outputs=[Output("O", "id-A")]), resources, outputs=outputs).is_empty
    changed = plan(deployed(resources, outputs=[Output("O", "else")]), resources, outputs=outputs)
    assert changed.changes == () and not changed.is_empty


def test_a_property_that_is_wrong_fails_the_plan():
    with pytest.raises(Exception, match="Encountered unsupported property Nope"):
        plan(Before(), {"A": queue(Nope=1)})


GRAPH = Template(
    {
        "Resources": {
            "D": queue(DependsOn=["B", "Off"]),
            "B": queue(Target={"Fn::Sub": "${A.Arn}"}),
            "C": queue(Target={"Fn::If": ["No", {"Ref": "D"}, {"Ref": "A"}]}),
            "A": queue(),
            "Off": queue(Condition="No"),
        }
    }
)


def test_the_graph_follows_references_and_leaves_out_what_a_condition_drops():
    assert included(GRAPH, {"No": False}) == ["D", "B", "C", "A"]
    graph = graph_of(GRAPH, {"No": False})
    assert graph.order() == ["A", "B", "C", "D"]
    assert graph.ready(["A"], ["B"]) == ["C"]
    assert graph.reversed().ready([]) == ["C", "D"]
    assert graph.only(["A", "D"]).needs == {"D": {"A"}, "A": set()}


def test_a_cycle_is_named_without_those_that_only_hang_on_it():
    resources = {
        "A": queue(Target={"Ref": "B"}),
        "B": queue(DependsOn="A"),
        "Before": queue(),
        "After": queue(Target={"Ref": "A"}),
    }
    with pytest.raises(ValidationError, match=r"Circular dependency between resources: \[A, B\]"):
        graph_of(Template({"Resources": resources}), {})


def test_outputs_follow_their_condition_and_imports_are_found():
    template = Template(
        {
            "Resources": {"A": queue(Target={"Fn::ImportValue": {"Fn::Sub": "${AWS::StackName}-x"}})},
            "Outputs": {
                "Url": {
                    "Value": {"Ref": "A"},
                    "Description": "d",
                    "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-u"}},
                },
                "No": {"Value": "x", "Condition": "No"},
            },
        }
    )
    scope = Scope(PSEUDO, conditions={"No": False}, resources={"A": Made("id")})
    assert [output.shown() for output in evaluate_outputs(template, scope)] == [
        {"OutputKey": "Url", "OutputValue": "id", "Description": "d", "ExportName": "shop-u"}
    ]
    assert imports_of(template, {"No": False}, scope) == ["shop-x"]
