"""Types of CloudFormation itself, in stacks."""

import json

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
