"""Stacks through the API: made, changed, rolled back, deleted."""

import json

import pytest

from pileus.kernel.errors import AwsError, NotImplementedByUs
from pileus.services.cloudformation.tests.conftest import status_of, story, thing


def body(outputs: dict | None = None, **resources) -> str:
    return json.dumps({"Resources": resources, **({"Outputs": outputs} if outputs else {})})


async def create(cloud, text: str, **more) -> str:
    answer = await cloud.cloudformation.CreateStack(StackName="shop", TemplateBody=text, **more)
    await cloud.settle()
    return answer["StackId"]


async def update(cloud, text: str, **more) -> None:
    await cloud.cloudformation.UpdateStack(StackName="shop", TemplateBody=text, **more)
    await cloud.settle()


async def test_a_stack_is_made_in_the_order_of_its_references(cloud, shelf):
    text = body(
        Roof=thing(Name="roof", Needs=[{"Ref": "Wall"}]),
        Wall=thing(Name="wall", Needs=[{"Fn::GetAtt": ["Ground", "Arn"]}]),
        Ground=thing(Name="ground"),
        outputs={"Top": {"Value": {"Ref": "Roof"}}},
    )
    await create(cloud, text)
    assert shelf.log == ["create Ground", "create Wall", "create Roof"]
    assert shelf.things["wall"]["Needs"] == ["arn:thing:ground"]
    stack = (await cloud.cloudformation.DescribeStacks(StackName="shop"))["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert stack["Outputs"] == [{"OutputKey": "Top", "OutputValue": "roof"}]


async def test_events_tell_the_story_and_end_with_the_stacks_own(cloud, shelf):
    await create(cloud, body(Ground=thing(Name="ground")))
    events = (await cloud.cloudformation.DescribeStackEvents(StackName="shop"))["StackEvents"]
    told = [(e["LogicalResourceId"], e["ResourceStatus"], e.get("ResourceStatusReason")) for e in reversed(events)]
    assert told == [
        ("shop", "CREATE_IN_PROGRESS", "User Initiated"),
        ("Ground", "CREATE_IN_PROGRESS", None),
        ("Ground", "CREATE_IN_PROGRESS", "Resource creation Initiated"),
        ("Ground", "CREATE_COMPLETE", None),
        ("shop", "CREATE_COMPLETE", None),
    ]
    assert events[0]["PhysicalResourceId"] == events[0]["StackId"]


async def test_a_failed_creation_is_rolled_back(cloud, shelf):
    shelf.failing.add("create Wall")
    await create(cloud, body(Ground=thing(Name="ground"), Wall=thing(Name="wall", DependsOn="Ground")))
    assert shelf.things == {}
    assert await status_of(cloud) == "ROLLBACK_COMPLETE"
    events = (await cloud.cloudformation.DescribeStackEvents(StackName="shop"))["StackEvents"]
    reasons = {(e["LogicalResourceId"], e["ResourceStatus"]): e.get("ResourceStatusReason") for e in events}
    assert reasons["shop", "ROLLBACK_IN_PROGRESS"] == (
        "The following resource(s) failed to create: [Wall]. Rollback requested by user."
    )
    assert 'Resource handler returned message: "Wall says no"' in reasons["Wall", "CREATE_FAILED"]
    assert ("Ground", "DELETE_COMPLETE") in reasons


async def test_a_failed_creation_can_be_left_as_it_is(cloud, shelf):
    shelf.failing.add("create Wall")
    text = body(Ground=thing(Name="ground"), Wall=thing(Name="wall", DependsOn="Ground"))
    await create(cloud, text, OnFailure="DO_NOTHING")
    assert await status_of(cloud) == "CREATE_FAILED"
    assert set(shelf.things) == {"ground"}


async def test_a_failed_creation_can_be_deleted(cloud, shelf):
    shelf.failing.add("create Wall")
    stack_id = await create(cloud, body(Wall=thing(Name="wall")), OnFailure="DELETE")
    assert await status_of(cloud, stack_id) == "DELETE_COMPLETE"


async def test_a_type_nobody_wrote_is_refused_by_name(cloud, shelf):
    with pytest.raises(AwsError) as refused:
        await create(cloud, body(Moon={"Type": "AWS::Space::Moon"}))
    assert refused.value.code == "ValidationError"
    assert refused.value.message == "Template format error: Unrecognized resource types: [AWS::Space::Moon]"


async def test_a_property_nobody_wrote_fails_the_stack_by_name(cloud, shelf):
    await create(cloud, body(Ground=thing(Depth="3")))
    events = (await cloud.cloudformation.DescribeStackEvents(StackName="shop"))["StackEvents"]
    failed = next(event for event in events if event["ResourceStatus"] == "CREATE_FAILED")
    assert failed["ResourceStatusReason"] == "Encountered unsupported property Depth"


async def test_a_name_is_taken_while_its_stack_lives(cloud, shelf):
    await create(cloud, body(Ground=thing(Name="ground")))
    with pytest.raises(AwsError) as refused:
        await create(cloud, body(Ground=thing(Name="other")))
    assert (refused.value.code, refused.value.message) == ("AlreadyExistsException", "Stack [shop] already exists")


async def test_the_same_request_token_makes_one_stack(cloud, shelf):
    text = body(Ground=thing(Name="ground"))
    first = await create(cloud, text, ClientRequestToken="once")
    assert await create(cloud, text, ClientRequestToken="once") == first
    assert shelf.log == ["create Ground"]
    with pytest.raises(AwsError) as refused:
        await create(cloud, body(Wall=thing()), ClientRequestToken="once")
    assert refused.value.code == "TokenAlreadyExistsException"


async def test_an_update_changes_in_place_what_it_can(cloud, shelf):
    await create(cloud, body(Ground=thing(Name="ground", Color="red"), Wall=thing(Name="wall")))
    await update(cloud, body(Ground=thing(Name="ground", Color="blue"), Wall=thing(Name="wall")))
    assert shelf.log[2:] == ["update Ground"]
    assert shelf.things["ground"]["Color"] == "blue"
    assert await status_of(cloud) == "UPDATE_COMPLETE"


async def test_an_update_replaces_and_then_cleans_up(cloud, shelf):
    await create(cloud, body(Ground=thing(Name="ground"), Wall=thing(Name="wall", Needs=[{"Ref": "Ground"}])))
    shelf.log.clear()
    await update(cloud, body(Ground=thing(Name="rock"), Wall=thing(Name="wall", Needs=[{"Ref": "Ground"}])))
    assert shelf.log == ["create Ground", "update Wall", "delete Ground"]
    assert set(shelf.things) == {"rock", "wall"}
    told = await story(cloud)
    assert told[-4:] == [
        "shop UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "Ground DELETE_IN_PROGRESS",
        "Ground DELETE_COMPLETE",
        "shop UPDATE_COMPLETE",
    ]


async def test_what_is_named_is_not_replaced_under_its_name(cloud, shelf):
    """Source: CloudFormation user guide, "Troubleshooting CloudFormation"."""
    await create(cloud, body(Ground=thing(Name="ground", Kind="soil")))
    await cloud.cloudformation.UpdateStack(
        StackName="shop", TemplateBody=body(Ground=thing(Name="ground", Kind="rock", Color="red"))
    )
    await cloud.settle()
    assert await status_of(cloud) == "UPDATE_ROLLBACK_COMPLETE"
    assert shelf.log == ["create Ground"]
    events = (await cloud.cloudformation.DescribeStackEvents(StackName="shop"))["StackEvents"]
    assert (
        "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
        "Rename ground and update the stack again."
    ) in [event.get("ResourceStatusReason") for event in events if event["ResourceStatus"] == "UPDATE_FAILED"]
    await update(cloud, body(Ground=thing(Name="stone", Kind="rock")))
    assert shelf.things.keys() == {"stone"}


async def test_an_update_may_use_an_attribute_that_it_brings(cloud, shelf):
    """A table that gets its stream and a mapping of its StreamArn at once."""
    await create(cloud, body(Ground=thing(Name="ground")))
    wall = thing(Name="wall", Needs=[{"Fn::GetAtt": ["Ground", "Tint"]}])
    await update(cloud, body(Ground=thing(Name="ground", Color="red"), Wall=wall))
    assert shelf.things["wall"]["Needs"] == ["light red"]


async def test_an_update_removes_what_the_template_names_no_more(cloud, shelf):
    await create(cloud, body(Ground=thing(Name="ground"), Wall=thing(Name="wall", DependsOn="Ground")))
    await update(cloud, body(Ground=thing(Name="ground")))
    assert set(shelf.things) == {"ground"}
    listed = (await cloud.cloudformation.ListStackResources(StackName="shop"))["StackResourceSummaries"]
    assert [row["LogicalResourceId"] for row in listed] == ["Ground"]


async def test_a_failed_update_leaves_the_stack_as_it_was(cloud, shelf):
    await create(cloud, body(Ground=thing(Name="ground", Color="red"), Old=thing(Name="old"), Wall=thing(Name="wall")))
    shelf.failing.add("update Wall")
    after = body(
        Ground=thing(Name="ground", Color="blue"),
        Old=thing(Name="new"),
        Added=thing(Name="added"),
        Wall=thing(Name="wall", Color="green", DependsOn=["Ground", "Old", "Added"]),
    )
    await cloud.cloudformation.UpdateStack(StackName="shop", TemplateBody=after)
    shelf_was = {name: dict(value) for name, value in shelf.things.items()}
    await cloud.settle()
    assert await status_of(cloud) == "UPDATE_ROLLBACK_FAILED"
    with pytest.raises(NotImplementedByUs):
        await cloud.cloudformation.ContinueUpdateRollback(StackName="shop", ForceRollback=True)
    for other in ("Ground", "None"):
        with pytest.raises(AwsError, match=other):
            await cloud.cloudformation.ContinueUpdateRollback(StackName="shop", ResourcesToSkip=["Wall", other])
    await cloud.cloudformation.ContinueUpdateRollback(StackName="shop", ResourcesToSkip=["Wall"])
    await cloud.settle()
    assert await status_of(cloud) == "UPDATE_ROLLBACK_COMPLETE"
    assert set(shelf.things) == set(shelf_was)
    assert shelf.things["ground"]["Color"] == "red"
    assert "green" not in str(await cloud.cloudformation.GetTemplate(StackName="shop"))


async def test_an_update_of_nothing_is_refused(cloud, shelf):
    text = body(Ground=thing(Name="ground"))
    await create(cloud, text)
    with pytest.raises(AwsError, match=r"No updates are to be performed\."):
        await update(cloud, text)


async def test_deletion_goes_backwards_and_the_stack_is_found_by_its_id(cloud, shelf):
    stack_id = await create(cloud, body(Ground=thing(Name="ground"), Wall=thing(Name="wall", DependsOn="Ground")))
    shelf.log.clear()
    await cloud.cloudformation.DeleteStack(StackName="shop")
    await cloud.settle()
    assert shelf.log == ["delete Wall", "delete Ground"]
    assert await status_of(cloud, stack_id) == "DELETE_COMPLETE"
    with pytest.raises(AwsError) as gone:
        await status_of(cloud)
    assert (gone.value.code, gone.value.message) == ("ValidationError", "Stack with id shop does not exist")


async def test_deleting_what_is_not_there_is_no_error(cloud, shelf):
    await cloud.cloudformation.DeleteStack(StackName="never-was")


async def test_a_deleted_stack_is_forgotten_after_ninety_days(cloud, shelf):
    stack_id = await create(cloud, body(Ground=thing(Name="ground")))
    await cloud.cloudformation.DeleteStack(StackName="shop")
    await cloud.settle()
    await cloud.advance(90 * 86_400_000 - 1)
    assert await status_of(cloud, stack_id) == "DELETE_COMPLETE"
    await cloud.advance(1)
    with pytest.raises(AwsError, match="does not exist"):
        await status_of(cloud, stack_id)


async def test_what_is_retained_stays(cloud, shelf):
    await create(cloud, body(Ground=thing(Name="ground", DeletionPolicy="Retain"), Wall=thing(Name="wall")))
    await cloud.cloudformation.DeleteStack(StackName="shop")
    await cloud.settle()
    assert set(shelf.things) == {"ground"}


async def test_a_failed_deletion_can_be_repeated_without_what_failed(cloud, shelf):
    stack_id = await create(cloud, body(Ground=thing(Name="ground"), Wall=thing(Name="wall")))
    shelf.failing.add("delete Ground")
    await cloud.cloudformation.DeleteStack(StackName="shop")
    await cloud.settle()
    assert await status_of(cloud) == "DELETE_FAILED"
    await cloud.cloudformation.DeleteStack(StackName="shop", RetainResources=["Ground"])
    await cloud.settle()
    assert await status_of(cloud, stack_id) == "DELETE_COMPLETE"
    assert set(shelf.things) == {"ground"}


async def test_a_protected_stack_is_not_deleted(cloud, shelf):
    await create(cloud, body(Ground=thing(Name="ground")), EnableTerminationProtection=True)
    with pytest.raises(AwsError, match="TerminationProtection is enabled"):
        await cloud.cloudformation.DeleteStack(StackName="shop")
    await cloud.cloudformation.UpdateTerminationProtection(StackName="shop", EnableTerminationProtection=False)
    await cloud.cloudformation.DeleteStack(StackName="shop")


async def test_a_stack_waits_for_what_takes_its_time(cloud, shelf):
    shelf.ready_at_ms["Ground"] = cloud.at(5_000)
    await create(cloud, body(Ground=thing(Name="ground")))
    assert await status_of(cloud) == "CREATE_IN_PROGRESS"
    await cloud.advance(4_000)
    assert await status_of(cloud) == "CREATE_IN_PROGRESS"
    await cloud.advance(1_500)
    assert await status_of(cloud) == "CREATE_COMPLETE"
    told = await story(cloud)
    assert told.count("Ground CREATE_IN_PROGRESS") == 2  # begun once, initiated once, however often it was run


async def test_a_creation_that_takes_longer_than_its_timeout_is_rolled_back(cloud, shelf):
    shelf.ready_at_ms["Ground"] = cloud.at(300_000)
    await create(cloud, body(Ground=thing(Name="ground")), TimeoutInMinutes=1)
    await cloud.advance(59_999)
    assert await status_of(cloud) == "CREATE_IN_PROGRESS"
    await cloud.advance(1)
    assert await status_of(cloud) == "ROLLBACK_COMPLETE"
    assert shelf.things == {}


async def test_a_creation_under_way_can_be_deleted(cloud, shelf):
    shelf.ready_at_ms["Ground"] = cloud.at(300_000)
    stack_id = await create(cloud, body(Ground=thing(Name="ground")))
    await cloud.cloudformation.DeleteStack(StackName="shop")
    await cloud.settle()
    assert await status_of(cloud, stack_id) == "DELETE_COMPLETE"
    assert shelf.things == {}


async def test_an_update_can_be_cancelled(cloud, shelf):
    await create(cloud, body(Ground=thing(Name="ground", Color="red")))
    shelf.ready_at_ms["Slow"] = cloud.at(300_000)
    await update(cloud, body(Ground=thing(Name="ground", Color="blue"), Slow=thing(Name="slow", DependsOn="Ground")))
    assert await status_of(cloud) == "UPDATE_IN_PROGRESS"
    await cloud.cloudformation.CancelUpdateStack(StackName="shop")
    await cloud.settle()
    assert await status_of(cloud) == "UPDATE_ROLLBACK_COMPLETE"
    assert set(shelf.things) == {"ground"}
    assert shelf.things["ground"]["Color"] == "red"


async def test_tags_reach_the_resources(cloud, shelf):
    stack_id = await create(cloud, body(Ground=thing(Name="ground")), Tags=[{"Key": "team", "Value": "sea"}])
    assert shelf.things["ground"]["tags"] == {
        "team": "sea",
        "aws:cloudformation:stack-name": "shop",
        "aws:cloudformation:logical-id": "Ground",
        "aws:cloudformation:stack-id": stack_id,
    }
    await cloud.cloudformation.UpdateStack(
        StackName="shop", UsePreviousTemplate=True, Tags=[{"Key": "team", "Value": "air"}]
    )
    await cloud.settle()
    assert shelf.things["ground"]["tags"]["team"] == "air"


async def test_an_export_in_use_can_neither_change_nor_go(cloud, shelf):
    export = {"Out": {"Value": {"Ref": "Ground"}, "Export": {"Name": "the-ground"}}}
    await create(cloud, body(Ground=thing(Name="ground"), outputs=export))
    user = body(Wall=thing(Name="wall", Needs=[{"Fn::ImportValue": "the-ground"}]))
    await cloud.cloudformation.CreateStack(StackName="user", TemplateBody=user)
    await cloud.settle()
    assert shelf.things["wall"]["Needs"] == ["ground"]
    assert (await cloud.cloudformation.ListImports(ExportName="the-ground"))["Imports"] == ["user"]
    with pytest.raises(AwsError, match="Export the-ground cannot be deleted as it is in use by user"):
        await cloud.cloudformation.DeleteStack(StackName="shop")
    await update(cloud, body(Ground=thing(Name="rock"), outputs=export))
    assert await status_of(cloud) == "UPDATE_ROLLBACK_COMPLETE"
    assert set(shelf.things) == {"ground", "wall"}
    await cloud.cloudformation.DeleteStack(StackName="user")
    await cloud.settle()
    await cloud.cloudformation.DeleteStack(StackName="shop")
    await cloud.settle()
    assert (await cloud.cloudformation.ListExports())["Exports"] == []


IMPORTING = body(Wall=thing(Name="wall", Needs=[{"Fn::ImportValue": "the-ground"}]), Roof=thing(Name="roof"))


async def reasons_of(cloud) -> list[tuple[str, str | None]]:
    """(status, reason) of the stack's own events, in their order."""
    events = (await cloud.cloudformation.DescribeStackEvents(StackName="shop"))["StackEvents"]
    own = [event for event in reversed(events) if event["LogicalResourceId"] == "shop"]
    return [(event["ResourceStatus"], event.get("ResourceStatusReason")) for event in own]


async def test_a_stack_that_imports_what_nobody_exports_begins_and_rolls_back(cloud, shelf):
    await create(cloud, IMPORTING)
    assert await reasons_of(cloud) == [
        ("CREATE_IN_PROGRESS", "User Initiated"),
        ("ROLLBACK_IN_PROGRESS", "No export named the-ground found. Rollback requested by user."),
        ("ROLLBACK_COMPLETE", None),
    ]
    assert shelf.log == []  # nothing was begun, not even what imports nothing
    await create_other(cloud, "the-ground")  # and the export is no name in use
    await cloud.cloudformation.DeleteStack(StackName="other")
    await cloud.settle()
    assert (await cloud.cloudformation.ListExports())["Exports"] == []


async def create_other(cloud, export: str) -> None:
    text = body(Ground=thing(Name="ground"), outputs={"Out": {"Value": {"Ref": "Ground"}, "Export": {"Name": export}}})
    await cloud.cloudformation.CreateStack(StackName="other", TemplateBody=text)
    await cloud.settle()


async def test_an_update_that_imports_what_nobody_exports_is_undone(cloud, shelf):
    await create(cloud, body(Roof=thing(Name="roof")))
    await update(cloud, IMPORTING)
    assert (await reasons_of(cloud))[2:] == [
        ("UPDATE_IN_PROGRESS", "User Initiated"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "No export named the-ground found"),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", None),
        ("UPDATE_ROLLBACK_COMPLETE", None),
    ]
    assert set(shelf.things) == {"roof"}


async def test_a_name_that_another_stack_exports_rolls_the_creation_back(cloud, shelf):
    await create_other(cloud, "the-ground")
    outputs = {"Out": {"Value": "x", "Export": {"Name": "the-ground"}}}
    await create(cloud, body(Wall=thing(Name="wall"), outputs=outputs))
    assert (await reasons_of(cloud))[1] == (
        "ROLLBACK_IN_PROGRESS",
        "Export with name the-ground is already exported by stack other. Rollback requested by user.",
    )


async def test_a_false_condition_leaves_its_resource_out(cloud, shelf):
    text = json.dumps(
        {
            "Parameters": {"Stage": {"Type": "String", "Default": "dev"}},
            "Conditions": {"IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}},
            "Resources": {"Ground": thing(Name="ground"), "Wall": thing(Name="wall", Condition="IsProd")},
        }
    )
    await create(cloud, text)
    assert set(shelf.things) == {"ground"}
    await cloud.cloudformation.UpdateStack(
        StackName="shop",
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": "Stage", "ParameterValue": "prod"}],
    )
    await cloud.settle()
    assert set(shelf.things) == {"ground", "wall"}


async def test_five_hundred_resources_are_made(cloud, shelf):
    await create(cloud, body(**{f"Thing{n}": thing(Name=f"thing-{n}") for n in range(500)}))
    assert len(shelf.things) == 500
    names, token = set(), {}
    while True:
        page = await cloud.cloudformation.ListStackResources(StackName="shop", **token)
        names |= {row["LogicalResourceId"] for row in page["StackResourceSummaries"]}
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert len(names) == 500


async def test_events_come_in_pages(cloud, shelf):
    await create(cloud, body(**{f"Thing{n}": thing(Name=f"thing-{n}") for n in range(60)}))
    seen, token = [], {}
    while True:
        page = await cloud.cloudformation.DescribeStackEvents(StackName="shop", **token)
        seen += [event["EventId"] for event in page["StackEvents"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert len(seen) == len(set(seen)) == 60 * 3 + 2


async def test_a_failed_update_that_was_left_as_it_is_can_be_taken_up(cloud, shelf):
    await create(cloud, body(Ground=thing(Name="ground"), Wall=thing(Name="wall")))
    after = body(Ground=thing(Name="rock"), Wall=thing(Name="wall", Color="green", DependsOn="Ground"))
    shelf.failing.add("update Wall")
    await update(cloud, after, DisableRollback=True)
    assert await status_of(cloud) == "UPDATE_FAILED"
    assert set(shelf.things) == {"ground", "rock", "wall"}
    shelf.failing.clear()
    await update(cloud, after)
    assert await status_of(cloud) == "UPDATE_COMPLETE"
    assert set(shelf.things) == {"rock", "wall"}
    assert shelf.things["wall"]["Color"] == "green"


async def test_a_failed_creation_that_was_left_as_it_is_can_be_taken_up(cloud, shelf):
    shelf.failing.add("create Wall")
    text = body(Ground=thing(Name="ground"), Wall=thing(Name="wall", DependsOn="Ground"))
    await create(cloud, text, DisableRollback=True)
    shelf.failing.clear()
    await update(cloud, text)
    assert await status_of(cloud) == "UPDATE_COMPLETE"
    assert shelf.log == ["create Ground", "create Wall", "create Wall"]


async def test_a_deletion_that_fails_still_deletes_what_does_not_need_it(cloud, shelf):
    text = body(
        **{f"Free{n}": thing(Name=f"free-{n}") for n in range(30)},
        Ground=thing(Name="ground"),
        Wall=thing(Name="wall", DependsOn="Ground"),
    )
    await create(cloud, text)
    shelf.failing.add("delete Wall")
    await cloud.cloudformation.DeleteStack(StackName="shop")
    await cloud.settle()
    assert await status_of(cloud) == "DELETE_FAILED"
    assert set(shelf.things) == {"ground", "wall"}
    stack = (await cloud.cloudformation.DescribeStacks(StackName="shop"))["Stacks"][0]
    assert stack["StackStatusReason"] == "The following resource(s) failed to delete: [Wall]. "


async def test_a_failure_gives_up_what_still_waits(cloud, shelf):
    shelf.ready_at_ms["Slow"] = cloud.at(300_000)
    shelf.failing.add("create Wall")
    await create(cloud, body(Slow=thing(Name="slow"), Ground=thing(Name="ground"), Wall=thing(DependsOn="Ground")))
    assert await status_of(cloud) == "ROLLBACK_COMPLETE"
    assert shelf.things == {}
    events = (await cloud.cloudformation.DescribeStackEvents(StackName="shop"))["StackEvents"]
    reasons = {e["LogicalResourceId"]: e["ResourceStatusReason"] for e in events if "FAILED" in e["ResourceStatus"]}
    assert reasons["Slow"] == "Resource creation cancelled"


@pytest.mark.parametrize("name", ["s_1", "1s", "s.1", "-s", "s 1"])
async def test_a_stacks_name_is_letters_digits_and_hyphens_after_a_letter(cloud, shelf, name):
    with pytest.raises(AwsError) as refused:
        await cloud.cloudformation.CreateStack(StackName=name, TemplateBody=body(Ground=thing(Name="ground")))
    assert refused.value.code == "ValidationError"
    assert refused.value.message == (
        f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member must satisfy "
        "regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
    )
    with pytest.raises(AwsError, match="at 'stackName'"):
        await cloud.cloudformation.CreateChangeSet(
            StackName=name, ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=body(Ground=thing(Name="ground"))
        )


async def test_a_stacks_name_has_up_to_128_characters(cloud, shelf):
    text = body(Ground=thing(Name="ground"))
    await cloud.cloudformation.CreateStack(StackName="s" * 128, TemplateBody=text)
    with pytest.raises(AwsError, match="less than or equal to 128"):
        await cloud.cloudformation.CreateStack(StackName="s" * 129, TemplateBody=text)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ({"Fn::FindInMap": ["M", "k", "absent"]}, "Template error: Unable to get mapping for M::k::absent"),
        ({"Fn::Select": [1, ["a"]]}, "Template error: Fn::Select cannot select nonexistent value at index 1"),
        ({"Fn::Nope": "a"}, "Template error: Encountered unsupported function: Fn::Nope Supported functions are: "),
    ],
)
async def test_a_function_that_can_give_nothing_is_refused_before_a_stack_is_made(cloud, shelf, name, message):
    wrong = {"Resources": {"Ground": thing(Name=name)}, "Mappings": {"M": {"k": {"there": "v"}}}}
    with pytest.raises(AwsError) as refused:
        await cloud.cloudformation.CreateStack(StackName="shop", TemplateBody=json.dumps(wrong))
    assert refused.value.code == "ValidationError"
    assert refused.value.message.startswith(message)
    assert (await cloud.cloudformation.DescribeStacks())["Stacks"] == []


async def test_a_function_of_what_is_made_later_is_not_judged_before(cloud, shelf):
    await create(
        cloud,
        body(
            Ground=thing(Name="ground"),
            Wall=thing(Name={"Fn::Select": [1, {"Fn::Split": [":", {"Fn::GetAtt": ["Ground", "Arn"]}]}]}),
        ),
    )
    assert await status_of(cloud) == "CREATE_COMPLETE"
