"""Change sets: prepared, looked at, executed; and the templates they bring."""

import json

import pytest

from pileus.kernel.errors import AwsError, NotImplementedByUs
from pileus.services.cloudformation.tests.conftest import status_of, story, thing


def body(**resources) -> str:
    return json.dumps({"Resources": resources})


async def change_set(cloud, text: str, kind: str = "CREATE", name: str = "one", **more) -> dict:
    await cloud.cloudformation.CreateChangeSet(
        StackName="shop", ChangeSetName=name, ChangeSetType=kind, TemplateBody=text, **more
    )
    await cloud.settle()
    return await cloud.cloudformation.DescribeChangeSet(StackName="shop", ChangeSetName=name)


async def execute(cloud, name: str = "one", **more) -> None:
    await cloud.cloudformation.ExecuteChangeSet(StackName="shop", ChangeSetName=name, **more)
    await cloud.settle()


async def test_a_change_set_creates_a_stack_in_review(cloud, shelf):
    seen = await change_set(cloud, body(Ground=thing(Name="ground")))
    assert (seen["Status"], seen["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    assert [change["ResourceChange"]["Action"] for change in seen["Changes"]] == ["Add"]
    assert await status_of(cloud) == "REVIEW_IN_PROGRESS"
    assert shelf.log == []
    await execute(cloud)
    assert await status_of(cloud) == "CREATE_COMPLETE"
    assert (await story(cloud))[:2] == ["shop REVIEW_IN_PROGRESS", "shop CREATE_IN_PROGRESS"]


async def test_a_change_set_without_changes_fails_and_says_why(cloud, shelf):
    text = body(Ground=thing(Name="ground"))
    await change_set(cloud, text)
    await execute(cloud)
    seen = await change_set(cloud, text, "UPDATE", "two")
    assert (seen["Status"], seen["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert seen["StatusReason"].startswith("The submitted information didn't contain changes.")
    with pytest.raises(AwsError) as refused:
        await execute(cloud, "two")
    assert refused.value.code == "InvalidChangeSetStatus"


async def test_executing_one_change_set_takes_the_others_away(cloud, shelf):
    await change_set(cloud, body(Ground=thing(Name="ground")))
    await change_set(cloud, body(Wall=thing(Name="wall")), name="other")
    await execute(cloud)
    listed = (await cloud.cloudformation.ListChangeSets(StackName="shop"))["Summaries"]
    assert [(row["ChangeSetName"], row["ExecutionStatus"]) for row in listed] == [("one", "EXECUTE_COMPLETE")]


async def test_a_change_set_of_an_earlier_stack_is_obsolete(cloud, shelf):
    await change_set(cloud, body(Ground=thing(Name="ground")))
    await execute(cloud)
    await change_set(cloud, body(Ground=thing(Name="ground", Color="red")), "UPDATE", "two")
    await cloud.cloudformation.UpdateStack(StackName="shop", TemplateBody=body(Ground=thing(Name="rock")))
    await cloud.settle()
    seen = await cloud.cloudformation.DescribeChangeSet(StackName="shop", ChangeSetName="two")
    assert seen["ExecutionStatus"] == "OBSOLETE"


async def test_a_missing_export_is_found_when_the_change_set_is_executed(cloud, shelf):
    importing = body(Wall=thing(Name="wall", Needs=[{"Fn::ImportValue": "the-ground"}]))
    described = await change_set(cloud, importing)
    assert described["Status"] == "CREATE_COMPLETE"
    assert [change["ResourceChange"]["Action"] for change in described["Changes"]] == ["Add"]
    await execute(cloud)
    assert await status_of(cloud) == "ROLLBACK_COMPLETE"


async def test_what_is_wrong_is_refused_at_once(cloud, shelf):
    with pytest.raises(AwsError, match="Unrecognized resource types"):
        await change_set(cloud, body(Moon={"Type": "AWS::Space::Moon"}))
    with pytest.raises(AwsError, match=r"Stack with id shop does not exist"):
        await status_of(cloud)


async def test_an_update_of_a_stack_that_is_not_there_is_refused(cloud, shelf):
    with pytest.raises(AwsError) as refused:
        await change_set(cloud, body(Ground=thing()), "UPDATE")
    assert refused.value.message == "Stack [shop] does not exist"


async def test_permissions_need_a_capability(cloud, shelf):
    from pileus.stacks.resource import ResourceType

    class Role(ResourceType):
        name = "AWS::IAM::Role"
        has_any_property = True

    from pileus.services.cloudformation.engine import engine_of

    engine_of(cloud.pileus)._types._types["AWS::IAM::Role"] = Role()
    with pytest.raises(AwsError) as refused:
        await change_set(cloud, body(Role={"Type": "AWS::IAM::Role"}))
    assert (refused.value.code, refused.value.message) == (
        "InsufficientCapabilitiesException",
        "Requires capabilities : [CAPABILITY_IAM]",
    )
    named = body(Role={"Type": "AWS::IAM::Role", "Properties": {"RoleName": "boss"}})
    with pytest.raises(AwsError, match=r"\[CAPABILITY_NAMED_IAM\]"):
        await change_set(cloud, named, Capabilities=["CAPABILITY_IAM"])
    seen = await change_set(cloud, named, Capabilities=["CAPABILITY_NAMED_IAM"])
    assert seen["Status"] == "CREATE_COMPLETE"


async def test_a_template_comes_from_our_own_s3(cloud, shelf):
    await cloud.s3.CreateBucket(Bucket="templates")
    await cloud.s3.PutObject(Bucket="templates", Key="a b.yaml", Body=body(Ground=thing(Name="ground")).encode())
    for url in (
        "https://templates.s3.us-east-1.amazonaws.com/a%20b.yaml",
        "https://s3.amazonaws.com/templates/a%20b.yaml",
        "http://127.0.0.1:4566/templates/a%20b.yaml",
        "http://templates.s3.localhost.localstack.cloud:4566/a%20b.yaml",
    ):
        summary = await cloud.cloudformation.GetTemplateSummary(TemplateURL=url)
        assert summary["ResourceTypes"] == ["Test::Shelf::Thing"], url
    with pytest.raises(AwsError, match="S3 error: The specified key does not exist"):
        await cloud.cloudformation.ValidateTemplate(TemplateURL="https://s3.amazonaws.com/templates/none.yaml")
    with pytest.raises(AwsError, match="TemplateURL must be a supported URL"):
        await cloud.cloudformation.ValidateTemplate(TemplateURL="ftp://templates/a.yaml")


async def test_a_deleted_change_set_leaves_the_stack_in_review(cloud, shelf):
    await change_set(cloud, body(Ground=thing()))
    await cloud.cloudformation.DeleteChangeSet(StackName="shop", ChangeSetName="one")
    with pytest.raises(AwsError) as gone:
        await cloud.cloudformation.DescribeChangeSet(StackName="shop", ChangeSetName="one")
    assert (gone.value.code, gone.value.status) == ("ChangeSetNotFound", 404)
    stack_id = (await cloud.cloudformation.DescribeStacks(StackName="shop"))["Stacks"][0]["StackId"]
    await cloud.cloudformation.DeleteStack(StackName="shop")
    assert await status_of(cloud, stack_id) == "DELETE_COMPLETE"


async def test_a_template_is_given_back_as_it_was_given(cloud, shelf):
    text = "Resources:\n  Ground: # the lowest\n    Type: Test::Shelf::Thing\n"
    await change_set(cloud, text)
    await execute(cloud)
    got = await cloud.cloudformation.GetTemplate(StackName="shop")
    assert got == {"TemplateBody": text, "StagesAvailable": ["Original", "Processed"]}


async def test_a_template_tells_what_it_needs(cloud, shelf):
    text = json.dumps(
        {
            "Description": "a shop",
            "Parameters": {"Size": {"Type": "Number", "Default": 3, "AllowedValues": [3, 4], "Description": "metres"}},
            "Resources": {"Role": {"Type": "AWS::IAM::Role"}},
        }
    )
    judged = await cloud.cloudformation.ValidateTemplate(TemplateBody=text)
    assert judged["Parameters"] == [
        {"ParameterKey": "Size", "DefaultValue": "3", "Description": "metres", "NoEcho": False}
    ]
    assert judged["Capabilities"] == ["CAPABILITY_IAM"]
    summary = await cloud.cloudformation.GetTemplateSummary(TemplateBody=text)
    assert summary["Parameters"][0]["ParameterConstraints"] == {"AllowedValues": ["3", "4"]}


@pytest.mark.parametrize(
    ("name", "value"),
    [("StackSetName", "many"), ("TemplateSummaryConfig", {"TreatUnrecognizedResourceTypesAsWarnings": True})],
)
async def test_a_summary_of_what_is_not_there_is_refused_by_name(cloud, name, value):
    with pytest.raises(NotImplementedByUs, match=name):
        await cloud.cloudformation.GetTemplateSummary(TemplateBody='{"Resources": {}}', **{name: value})
