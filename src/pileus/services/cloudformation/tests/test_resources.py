"""Types of CloudFormation itself, in stacks."""

import json
from urllib.parse import urlsplit

import pytest

from pileus.gateway.local import LocalApi
from pileus.kernel.errors import AwsError
from pileus.kernel.http import Body, HttpRequest
from pileus.services.cloudformation.tests.conftest import status_of, story, thing


async def put(cloud, key: str, template: dict) -> str:
    await cloud.s3.PutObject(Bucket="templates", Key=key, Body=json.dumps(template).encode())
    return f"https://s3.amazonaws.com/templates/{key}"


def parent(url: str, **parameters: str) -> str:
    child = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url, "Parameters": parameters}}
    user = thing(Name="user", Needs=[{"Fn::GetAtt": ["Child", "Outputs.Ground"]}])
    return json.dumps({"Resources": {"Child": child, "User": user}})


def child(**properties) -> dict:
    return {
        "Parameters": {"Color": {"Type": "String", "Default": "red"}},
        "Resources": {"Ground": thing(Name="ground", Color={"Ref": "Color"}, **properties)},
        "Outputs": {"Ground": {"Value": {"Ref": "Ground"}}},
    }


async def test_a_nested_stack_is_made_changed_and_deleted_with_its_parent(cloud, shelf):
    await cloud.s3.CreateBucket(Bucket="templates")
    url = await put(cloud, "child.json", child())
    await cloud.cloudformation.CreateStack(
        StackName="shop", TemplateBody=parent(url), Tags=[{"Key": "a", "Value": "b"}]
    )
    await cloud.settle()
    assert await status_of(cloud) == "CREATE_COMPLETE"
    assert shelf.things["user"]["Needs"] == ["ground"]
    assert shelf.things["ground"]["tags"]["a"] == "b"
    row = await cloud.cloudformation.DescribeStackResource(StackName="shop", LogicalResourceId="Child")
    nested_id = row["StackResourceDetail"]["PhysicalResourceId"]
    nested = (await cloud.cloudformation.DescribeStacks(StackName=nested_id))["Stacks"][0]
    top = (await cloud.cloudformation.DescribeStacks(StackName="shop"))["Stacks"][0]
    assert nested["ParentId"] == nested["RootId"] == top["StackId"]

    await cloud.cloudformation.UpdateStack(StackName="shop", TemplateBody=parent(url, Color="blue"))
    await cloud.settle()
    assert await status_of(cloud) == "UPDATE_COMPLETE"
    assert shelf.things["ground"]["Color"] == "blue"

    await cloud.cloudformation.DeleteStack(StackName="shop")
    await cloud.settle()
    assert shelf.things == {}
    assert await status_of(cloud, top["StackId"]) == "DELETE_COMPLETE"
    assert await status_of(cloud, nested_id) == "DELETE_COMPLETE"


async def test_a_nested_stack_that_fails_takes_its_parent_back(cloud, shelf):
    await cloud.s3.CreateBucket(Bucket="templates")
    url = await put(cloud, "child.json", child())
    shelf.failing.add("create Ground")
    await cloud.cloudformation.CreateStack(StackName="shop", TemplateBody=parent(url))
    await cloud.settle()
    assert await status_of(cloud) == "ROLLBACK_COMPLETE"
    assert "Child CREATE_FAILED" in await story(cloud)
    assert shelf.things == {}


async def test_a_nested_stack_goes_back_with_its_parent(cloud, shelf):
    await cloud.s3.CreateBucket(Bucket="templates")
    url = await put(cloud, "child.json", child())
    await cloud.cloudformation.CreateStack(StackName="shop", TemplateBody=parent(url))
    await cloud.settle()
    text = json.loads(parent(url, Color="blue"))
    text["Resources"]["User"]["Properties"]["Color"] = {"Fn::GetAtt": ["Child", "Outputs.Ground"]}
    shelf.failing.add("update User")
    await cloud.cloudformation.UpdateStack(StackName="shop", TemplateBody=json.dumps(text))
    shelf_user = dict(shelf.things["user"])
    await cloud.settle()
    shelf.failing.clear()
    if await status_of(cloud) == "UPDATE_ROLLBACK_FAILED":
        await cloud.cloudformation.ContinueUpdateRollback(StackName="shop")
        await cloud.settle()
    assert await status_of(cloud) == "UPDATE_ROLLBACK_COMPLETE"
    assert shelf.things["ground"]["Color"] == "red"
    assert shelf.things["user"] == shelf_user


# Custom resources


@pytest.fixture
def asked(cloud, shelf, monkeypatch):
    """What custom resources' functions were asked, in order: a Lambda of one operation."""
    requests: list[dict] = []
    invoke = cloud.pileus.invoke

    async def with_lambda(call, request):
        if (call.service, call.operation) != ("lambda", "Invoke"):
            return await invoke(call, request)
        assert request["InvocationType"] == "Event"
        requests.append(json.loads(request["Payload"]))
        return {"StatusCode": 202}

    monkeypatch.setattr(cloud.pileus, "invoke", with_lambda)
    return requests


async def put_letter(cloud, url: str, letter: dict) -> int:
    request = HttpRequest("PUT", urlsplit(url).path, body=Body(json.dumps(letter).encode()))
    status = (await LocalApi(cloud.pileus).handle(request)).status
    await cloud.settle()
    return status


async def answer(cloud, request: dict, status: str = "SUCCESS", **more) -> int:
    names = ("StackId", "RequestId", "LogicalResourceId")
    return await put_letter(
        cloud, request["ResponseURL"], {"Status": status, **{name: request[name] for name in names}, **more}
    )


def custom(**properties) -> str:
    token = "arn:aws:lambda:us-east-1:000000000000:function:maker"
    made = {"Type": "Custom::Lamp", "Properties": {"ServiceToken": token, **properties}}
    return json.dumps(
        {"Resources": {"Lamp": made}, "Outputs": {"Light": {"Value": {"Fn::GetAtt": ["Lamp", "Light.Color"]}}}}
    )


async def test_a_custom_resource_is_made_by_its_function(cloud, asked):
    await cloud.cloudformation.CreateStack(StackName="shop", TemplateBody=custom(Watts=60, On=True))
    await cloud.settle()
    assert await status_of(cloud) == "CREATE_IN_PROGRESS"
    (request,) = asked
    assert request["RequestType"] == "Create"
    assert request["ResourceType"] == "Custom::Lamp"
    assert {"Watts": "60", "On": "true"}.items() <= request["ResourceProperties"].items()
    assert await answer(cloud, request, PhysicalResourceId="lamp-1", Data={"Light": {"Color": "warm"}}) == 200
    stack = (await cloud.cloudformation.DescribeStacks(StackName="shop"))["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert stack["Outputs"][0]["OutputValue"] == "warm"

    await cloud.cloudformation.UpdateStack(StackName="shop", TemplateBody=custom(Watts=40))
    await cloud.settle()
    update = asked[1]
    assert (update["RequestType"], update["PhysicalResourceId"]) == ("Update", "lamp-1")
    assert update["OldResourceProperties"]["Watts"] == "60"
    # It says that it is another thing now: the old one is deleted when the update is through.
    await answer(cloud, update, PhysicalResourceId="lamp-2", Data={"Light": {"Color": "cold"}})
    assert await status_of(cloud) == "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
    assert (asked[2]["RequestType"], asked[2]["PhysicalResourceId"]) == ("Delete", "lamp-1")
    await answer(cloud, asked[2])
    assert await status_of(cloud) == "UPDATE_COMPLETE"

    await cloud.cloudformation.DeleteStack(StackName="shop")
    await cloud.settle()
    assert (asked[3]["RequestType"], asked[3]["PhysicalResourceId"]) == ("Delete", "lamp-2")
    await answer(cloud, asked[3])
    assert await status_of(cloud, stack["StackId"]) == "DELETE_COMPLETE"


async def test_a_custom_resource_that_fails_is_told_to_clean_up(cloud, asked):
    await cloud.cloudformation.CreateStack(StackName="shop", TemplateBody=custom())
    await cloud.settle()
    await answer(cloud, asked[0], "FAILED", Reason="no bulb", PhysicalResourceId="lamp-1")
    events = (await cloud.cloudformation.DescribeStackEvents(StackName="shop"))["StackEvents"]
    failed = next(event for event in events if event["ResourceStatus"] == "CREATE_FAILED")
    assert (
        "Received response status [FAILED] from custom resource. Message returned: no bulb"
        in (failed["ResourceStatusReason"])
    )
    assert (asked[1]["RequestType"], asked[1]["PhysicalResourceId"]) == ("Delete", "lamp-1")
    await answer(cloud, asked[1])
    assert await status_of(cloud) == "ROLLBACK_COMPLETE"


async def test_a_custom_resource_that_never_answers_fails_after_its_timeout(cloud, asked):
    await cloud.cloudformation.CreateStack(
        StackName="shop", TemplateBody=custom(ServiceTimeout=60), OnFailure="DO_NOTHING"
    )
    await cloud.settle()
    await cloud.advance(59_999)
    assert await status_of(cloud) == "CREATE_IN_PROGRESS"
    await cloud.advance(1)
    assert await status_of(cloud) == "CREATE_FAILED"
    assert len(asked) == 1


async def test_nobody_answers_without_the_address(cloud, asked):
    assert await put_letter(cloud, "https://example.com/-cloudformation/response/guess", {"Status": "SUCCESS"}) == 403


async def test_a_wait_condition_waits_for_its_signals(cloud, shelf):
    text = json.dumps(
        {
            "Resources": {
                "Bell": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
                "Rung": {
                    "Type": "AWS::CloudFormation::WaitCondition",
                    "Properties": {"Handle": {"Ref": "Bell"}, "Timeout": "300", "Count": 2},
                },
            },
            "Outputs": {"Said": {"Value": {"Fn::GetAtt": ["Rung", "Data"]}}},
        }
    )
    await cloud.cloudformation.CreateStack(StackName="shop", TemplateBody=text)
    await cloud.settle()
    bell = await cloud.cloudformation.DescribeStackResource(StackName="shop", LogicalResourceId="Bell")
    url = bell["StackResourceDetail"]["PhysicalResourceId"]
    for name in ("a", "a", "b"):
        assert await status_of(cloud) == "CREATE_IN_PROGRESS"
        await put_letter(cloud, url, {"Status": "SUCCESS", "UniqueId": name, "Data": name * 2, "Reason": "rung"})
    stack = (await cloud.cloudformation.DescribeStacks(StackName="shop"))["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert json.loads(stack["Outputs"][0]["OutputValue"]) == {"a": "aa", "b": "bb"}


async def test_a_wait_condition_gives_up(cloud, shelf):
    waits = {"Handle": {"Ref": "Bell"}, "Timeout": "300"}
    bell = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    text = json.dumps(
        {"Resources": {"Bell": bell, "Rung": {"Type": "AWS::CloudFormation::WaitCondition", "Properties": waits}}}
    )
    await cloud.cloudformation.CreateStack(StackName="shop", TemplateBody=text)
    await cloud.settle()
    await cloud.advance(300_000)
    assert await status_of(cloud) == "ROLLBACK_COMPLETE"
    events = (await cloud.cloudformation.DescribeStackEvents(StackName="shop"))["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in events]
    assert any("WaitCondition timed out. Received 0 conditions when expecting 1" in reason for reason in reasons)


# Macros


async def test_a_macro_rewrites_templates(cloud, shelf, monkeypatch):
    text = {"Type": "AWS::CloudFormation::Macro", "Properties": {"Name": "Paint", "FunctionName": "painter"}}
    await cloud.cloudformation.CreateStack(StackName="tools", TemplateBody=json.dumps({"Resources": {"Paint": text}}))
    await cloud.settle()
    invoke = cloud.pileus.invoke

    async def painter(call, request):
        if (call.service, call.operation) != ("lambda", "Invoke"):
            return await invoke(call, request)
        assert request["FunctionName"] == "painter"
        event = json.loads(request["Payload"])
        assert event["templateParameterValues"] == {"Color": "green"}
        for resource in event["fragment"]["Resources"].values():
            resource["Properties"]["Color"] = event["templateParameterValues"]["Color"]
        answer = {"requestId": event["requestId"], "status": "success", "fragment": event["fragment"]}
        return {"StatusCode": 200, "Payload": json.dumps(answer).encode()}

    monkeypatch.setattr(cloud.pileus, "invoke", painter)
    template = json.dumps(
        {
            "Transform": ["Paint"],
            "Parameters": {"Color": {"Type": "String", "Default": "green"}},
            "Resources": {"Ground": thing(Name="ground")},
        }
    )
    with pytest.raises(AwsError, match=r"Requires capabilities : \[CAPABILITY_AUTO_EXPAND\]"):
        await cloud.cloudformation.CreateStack(StackName="shop", TemplateBody=template)
    await cloud.cloudformation.CreateStack(
        StackName="shop", TemplateBody=template, Capabilities=["CAPABILITY_AUTO_EXPAND"]
    )
    await cloud.settle()
    assert shelf.things["ground"]["Color"] == "green"
    processed = await cloud.cloudformation.GetTemplate(StackName="shop", TemplateStage="Processed")
    assert json.loads(processed["TemplateBody"])["Resources"]["Ground"]["Properties"]["Color"] == "green"
    assert (await cloud.cloudformation.GetTemplate(StackName="shop"))["TemplateBody"] == template


async def test_a_macro_nobody_made_is_refused(cloud, shelf):
    template = json.dumps({"Transform": "Paint", "Resources": {"Ground": thing(Name="ground")}})
    with pytest.raises(AwsError, match="No transform named 000000000000::Paint found"):
        await cloud.cloudformation.CreateStack(
            StackName="shop", TemplateBody=template, Capabilities=["CAPABILITY_AUTO_EXPAND"]
        )
