"""CloudFormation's pages: what they show and do is what the operations tell and did."""

import json

import pytest

from pileus.services.cloudformation.tests.conftest import status_of, story, thing

SHOP = "cloudformation/stacks/shop"
SCRIPT = "<script>alert(1)</script>"
PARAMETERS = {
    "Color": {"Type": "String", "Default": "red", "AllowedValues": ["red", "blue"]},
    "Secret": {"Type": "String", "NoEcho": True},
}


def body(**sections) -> str:
    return json.dumps({"Resources": {"Ground": thing(Name="ground", Color="red")}, **sections})


PAINTED = body(
    Parameters=PARAMETERS,
    Resources={"Ground": thing(Name="ground", Color={"Ref": "Color"}, Kind={"Ref": "Secret"})},
)


@pytest.fixture
async def shop(cloud, shelf):
    await create(cloud, body(Description=SCRIPT))
    return SHOP


async def create(cloud, text: str, name: str = "shop", **more) -> str:
    made = await cloud.cloudformation.CreateStack(StackName=name, TemplateBody=text, **more)
    await cloud.settle()
    return made["StackId"]


async def described(cloud, name: str = "shop") -> dict:
    return (await cloud.cloudformation.DescribeStacks(StackName=name))["Stacks"][0]


def escaped(seen) -> bool:
    return SCRIPT not in seen.html and "&lt;script&gt;alert(1)" in seen.html


# The list


async def test_stacks_are_listed_by_status(cloud, shop, shelf):
    shelf.failing.add("create Wall")
    await create(cloud, json.dumps({"Resources": {"Wall": thing()}}), "wall", OnFailure="DO_NOTHING")
    gone = await create(cloud, json.dumps({"Resources": {"Floor": thing()}}), "floor")
    await cloud.cloudformation.DeleteStack(StackName="floor")
    await cloud.settle()
    for status, names in (
        ("", {"shop", "wall"}),
        ("complete", {"shop"}),
        ("failed", {"wall"}),
        ("progress", set()),
        ("deleted", {"floor"}),
        ("all", {"shop", "wall", "floor"}),
        ("nonsense", {"shop", "wall"}),
    ):
        seen = await cloud.browser.get("cloudformation/stacks", status=status)
        assert {
            name for name in ("shop", "wall", "floor") if f"> {name}</a>" in seen.html or f">{name}</a>" in seen.html
        } == names
    deleted = await cloud.browser.get("cloudformation/stacks", status="deleted")
    (to,) = [link for link in deleted.links if "%3Astack%2Ffloor" in link]
    assert gone in (await cloud.browser.get(to)).text


async def test_a_page_of_stacks_leads_to_the_next(cloud, shelf):
    for at in range(102):
        await cloud.cloudformation.CreateStack(StackName=f"stack-{at:03}", TemplateBody=body())
    first = await cloud.browser.get("cloudformation/stacks", status="all")
    assert ("stack-101" in first.text, "stack-001" in first.text) == (True, False)
    second = await cloud.browser.follow(first, "from=")
    assert ("stack-101" in second.text, "stack-001" in second.text) == (False, True)
    assert ("refresh" in first.headers, "refresh" in second.headers) == (True, False)


# One stack


async def test_a_stack_is_described(cloud, shelf):
    text = body(
        Parameters=PARAMETERS,
        Outputs={"Top": {"Value": {"Ref": "Ground"}, "Description": SCRIPT, "Export": {"Name": "top"}}},
    )
    given = [{"ParameterKey": "Secret", "ParameterValue": "hidden"}]
    made = await create(cloud, text, Parameters=given, Tags=[{"Key": "team", "Value": "core"}])
    seen = await cloud.browser.get(SHOP)
    assert escaped(seen)
    for part in (made, f"Top ground {SCRIPT} top", "Color red", "Secret ****", "team core"):
        assert part in seen.text
    assert "hidden" not in seen.text


async def test_events_tell_the_newest_first_and_why_something_failed(cloud, shelf):
    shelf.failing.add("create Ground")
    await create(cloud, body())
    seen = await cloud.browser.get(f"{SHOP}/events")
    assert "Ground says no" in seen.text
    assert "2026-01-01 00:00:00 Ground Test::Shelf::Thing CREATE_FAILED Resource handler returned message" in seen.text
    assert seen.text.index("Stack ROLLBACK_COMPLETE") < seen.text.index("Thing CREATE_FAILED")
    assert "Ground CREATE_FAILED" in await story(cloud)


async def test_pages_of_events_and_resources_lead_to_the_next(cloud, shelf):
    things = {f"Thing{at:03}": thing(Name=f"thing-{at:03}") for at in range(102)}
    await create(cloud, json.dumps({"Resources": things}))
    for page, first_has, second_has in (
        ("events", "Thing101 Test::Shelf::Thing CREATE_COMPLETE", "User Initiated"),
        ("resources", "Thing099", "Thing101"),
    ):
        first = await cloud.browser.get(f"{SHOP}/{page}")
        (more,) = [link for link in first.links if "from=" in link]
        seen, pages = first, 1
        while more:
            seen = await cloud.browser.send("GET", *more.split("?", 1))
            more, pages = next((link for link in seen.links if "from=" in link), ""), pages + 1
        assert (first_has in first.text, second_has in first.text) == (True, False)
        assert (first_has in seen.text, second_has in seen.text) == (False, True)
        assert pages == (4 if page == "events" else 2)


async def test_a_page_asks_again_while_the_stack_is_on_its_way(cloud, shelf):
    shelf.ready_at_ms["Ground"] = cloud.clock.now_ms() + 10_000
    await create(cloud, body())
    assert (await cloud.browser.get(SHOP)).headers["refresh"] == "3"
    await cloud.advance(20_000)
    assert "refresh" not in (await cloud.browser.get(SHOP)).headers
    assert "Ground Test::Shelf::Thing ground CREATE_COMPLETE" in (await cloud.browser.get(f"{SHOP}/resources")).text


async def test_a_template_is_shown_as_given(cloud, shop):
    seen = await cloud.browser.get(f"{shop}/template")
    assert escaped(seen)
    assert '"Name": "ground"' in seen.text
    assert '"Name": "ground"' in (await cloud.browser.get(f"{shop}/template", stage="Processed")).text


async def test_a_stack_is_deleted_by_its_name_and_still_told_of(cloud, shop, shelf):
    seen = await cloud.browser.post(shop, "delete", typed_name="shob")
    assert (seen.status, "To delete shop, type its name." in seen.text) == (400, True)
    assert await status_of(cloud) == "CREATE_COMPLETE"
    seen = await cloud.browser.post(shop, "delete", typed_name="shop")
    assert "The stack is being deleted." in seen.text
    await cloud.settle()
    assert shelf.things == {}
    assert (await cloud.browser.get(shop)).status == 400


async def test_a_protected_stack_stays(cloud, shop, shelf):
    await cloud.browser.post(shop, "protect", enabled="true")
    assert (await described(cloud))["EnableTerminationProtection"] is True
    seen = await cloud.browser.post(shop, "delete", typed_name="shop")
    assert (seen.status, "TerminationProtection is enabled" in seen.text) == (400, True)
    assert await status_of(cloud) == "CREATE_COMPLETE"
    await cloud.browser.post(shop, "protect", enabled="false")
    assert (await described(cloud))["EnableTerminationProtection"] is False


async def test_what_cannot_be_deleted_is_left(cloud, shop, shelf):
    shelf.failing.add("delete Ground")
    await cloud.browser.post(shop, "delete", typed_name="shop")
    await cloud.settle()
    assert "leave some of its resources" in (await cloud.browser.get(shop)).text
    await cloud.browser.post(shop, "delete", typed_name="shop", retained=" Ground, ")
    await cloud.settle()
    assert list(shelf.things) == ["ground"]
    assert (await cloud.browser.get(shop)).status == 400


async def test_an_update_is_cancelled_and_its_rollback_continued(cloud, shop, shelf):
    slow = {"Ground": thing(Name="ground", Color="blue"), "Wall": thing(Name="wall")}
    shelf.ready_at_ms["Wall"] = cloud.clock.now_ms() + 60_000
    await cloud.cloudformation.UpdateStack(StackName="shop", TemplateBody=json.dumps({"Resources": slow}))
    await cloud.settle()
    assert "Cancel the update" in (await cloud.browser.get(shop)).text
    shelf.failing.add("update Ground")
    await cloud.browser.post(shop, "cancel")
    await cloud.advance(120_000)
    assert await status_of(cloud) == "UPDATE_ROLLBACK_FAILED"
    seen = await cloud.browser.post(shop, "cancel")
    assert (seen.status, "CancelUpdateStack cannot be called" in seen.text) == (400, True)
    await cloud.browser.post(shop, "continue", skipped="Ground")
    await cloud.settle()
    assert await status_of(cloud) == "UPDATE_ROLLBACK_COMPLETE"


# Requests


async def test_a_stack_is_created_from_what_was_typed(cloud, shelf):
    form = {
        "name": "shop",
        "template": PAINTED.replace(", ", ",\r\n"),
        "parameters": '{"Color": "blue", "Secret": 7}',
        "tags": '{"team": "core"}',
        "on_failure": "DO_NOTHING",
        "protection": "true",
        "CAPABILITY_IAM": "true",
    }
    seen = await cloud.browser.post("cloudformation/new-stack", "create", **form)
    assert "The stack shop is being created." in seen.text
    await cloud.settle()
    stack = await described(cloud)
    assert shelf.things["ground"]["Color"] == "blue"
    assert shelf.things["ground"]["Kind"] == "7"
    assert stack["Tags"] == [{"Key": "team", "Value": "core"}]
    assert stack["Capabilities"] == ["CAPABILITY_IAM"]
    assert (stack["DisableRollback"], stack["EnableTerminationProtection"]) == (True, True)
    template = (await cloud.cloudformation.GetTemplate(StackName="shop"))["TemplateBody"]
    assert "\r" not in template


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"name": "9shop"}, "failed to satisfy constraint"),
        ({"template": SCRIPT}, "Template format error"),
        ({"template": ""}, "ValidationError"),
        ({"parameters": "{"}, "That is no JSON"),
        ({"parameters": "[1]"}, "Write parameters and tags as"),
        ({"parameters": '{"Color": {"a": 1}}'}, "The value of Color must be a text."),
        ({"parameters": '{"Color": "green", "Secret": "x"}'}, "Color"),
        ({"url": "https://example.amazonaws.com/x"}, "TemplateURL must be a supported URL."),
    ],
)
async def test_what_cloudformation_refuses_makes_nothing_and_stays_to_be_mended(cloud, shelf, changed, why):
    form = {"name": "shop", "template": PAINTED, "parameters": '{"Secret": "x"}', "CAPABILITY_IAM": "true"} | changed
    seen = await cloud.browser.post("cloudformation/new-stack", "create", **form)
    assert (seen.status, why in seen.text, SCRIPT in seen.html) == (400, True, False)
    assert 'name="CAPABILITY_IAM" value="true" checked' in seen.html
    assert form["parameters"] in seen.text
    assert (await cloud.cloudformation.ListStacks())["StackSummaries"] == []


async def test_a_template_is_checked_and_its_parameters_filled_in(cloud, shelf):
    form = {"template": PAINTED, "parameters": '{"Secret": "x", "Other": "y"}'}
    seen = await cloud.browser.post("cloudformation/new-stack", "check", **form)
    assert "Color String red red, blue" in seen.text
    assert "Resources Test::Shelf::Thing" in seen.text
    assert '{ "Color": "red", "Secret": "x" }' in seen.text
    seen = await cloud.browser.post("cloudformation/new-stack", "check", template="{")
    assert "Template format error" in seen.text


async def test_an_update_begins_with_what_is_there(cloud, shelf):
    given = [{"ParameterKey": "Secret", "ParameterValue": "hidden"}]
    await create(cloud, PAINTED, Parameters=given, Tags=[{"Key": "team", "Value": "core"}])
    page = await cloud.browser.get(f"{SHOP}/update")
    assert '{ "Color": "red", "Secret": null }' in page.text
    assert ('"team": "core"' in page.text, '"Default": "red"' in page.text) == (True, True)
    form = {"template": PAINTED, "parameters": '{"Color": "blue", "Secret": null}'}
    await cloud.browser.post(f"{SHOP}/update", "update", **form)
    await cloud.settle()
    assert shelf.things["ground"]["Color"] == "blue"
    assert shelf.things["ground"]["Kind"] == "hidden"
    assert (await described(cloud))["Tags"] == []
    seen = await cloud.browser.post(f"{SHOP}/update", "update", **form)
    assert (seen.status, "No updates are to be performed." in seen.text) == (400, True)


async def test_an_update_without_a_template_keeps_it(cloud, shelf):
    await create(cloud, PAINTED, Parameters=[{"ParameterKey": "Secret", "ParameterValue": "hidden"}])
    form = {"template": "", "parameters": '{"Color": "blue", "Secret": null}'}
    assert "Color String red" in (await cloud.browser.post(f"{SHOP}/update", "check", **form)).text
    await cloud.browser.post(f"{SHOP}/update", "update", **form)
    await cloud.settle()
    assert shelf.things["ground"]["Color"] == "blue"


# Change sets


async def test_a_change_set_makes_a_stack(cloud, shelf):
    form = {"name": "shop", "change_set": "first", "template": body()}
    seen = await cloud.browser.post("cloudformation/new-stack", "change-set", **form)
    assert "The change set is being prepared." in seen.text
    await cloud.settle()
    page = f"{SHOP}/change-sets/first"
    assert "Add Ground" in (await cloud.browser.get(page)).text
    assert "first CREATE_COMPLETE AVAILABLE" in (await cloud.browser.get(f"{SHOP}/change-sets")).text
    assert shelf.things == {}
    await cloud.browser.post(page, "execute")
    await cloud.settle()
    assert (await status_of(cloud), list(shelf.things)) == ("CREATE_COMPLETE", ["ground"])
    seen = await cloud.browser.post(page, "execute")
    assert (seen.status, "InvalidChangeSetStatus" in seen.text) == (400, True)


async def test_a_change_set_shows_what_would_change_and_is_deleted_by_its_name(cloud, shop, shelf):
    text = json.dumps({"Resources": {"Ground": thing(Name="other", Color="blue")}, "Description": SCRIPT})
    await cloud.browser.post(f"{shop}/update", "change-set", change_set="second", template=text)
    await cloud.settle()
    page = f"{shop}/change-sets/second"
    seen = await cloud.browser.get(page)
    assert escaped(seen)
    assert "Modify Ground ground Test::Shelf::Thing True" in seen.text
    assert "Properties Name: DirectModification recreation: Always" in seen.text
    assert "Properties Color: DirectModification" in seen.text
    refused = await cloud.browser.post(page, "delete", typed_name="first")
    assert "To delete second, type its name." in refused.text
    assert len((await cloud.cloudformation.ListChangeSets(StackName="shop"))["Summaries"]) == 1
    await cloud.browser.post(page, "delete", typed_name="second")
    assert (await cloud.cloudformation.ListChangeSets(StackName="shop"))["Summaries"] == []
    assert shelf.things["ground"]["Color"] == "red"


async def test_a_page_of_changes_leads_to_the_next(cloud, shelf):
    things = {f"Thing{at:03}": thing(Name=f"thing-{at:03}") for at in range(102)}
    form = {"name": "shop", "change_set": "big", "template": json.dumps({"Resources": things})}
    await cloud.browser.post("cloudformation/new-stack", "change-set", **form)
    await cloud.settle()
    first = await cloud.browser.get(f"{SHOP}/change-sets/big")
    second = await cloud.browser.follow(first, "from=")
    assert (first.text.count("Add Thing"), second.text.count("Add Thing")) == (100, 2)


async def test_a_change_set_without_changes_says_so(cloud, shop):
    form = {"change_set": "none", "template": body(Description=SCRIPT)}
    await cloud.browser.post(f"{shop}/update", "change-set", **form)
    await cloud.settle()
    seen = await cloud.browser.get(f"{shop}/change-sets/none")
    assert "The submitted information didn't contain changes." in seen.text
    assert "Execute" not in seen.text.replace("Execution", "")


# Exports


async def test_exports_and_who_imports_them(cloud, shelf):
    await create(cloud, body(Outputs={"Top": {"Value": SCRIPT, "Export": {"Name": "top"}}}))
    seen = await cloud.browser.get("cloudformation/exports", export="top")
    assert (escaped(seen), "Who imports top Nobody." in seen.text) == (True, True)
    wall = thing(Name="wall", Color={"Fn::ImportValue": "top"})
    await create(cloud, json.dumps({"Resources": {"Wall": wall}}), "wall")
    seen = await cloud.browser.get("cloudformation/exports", export="top")
    assert f"Who imports top wall Name Value Stack top {SCRIPT} shop" in seen.text
    refused = await cloud.browser.post(SHOP, "delete", typed_name="shop")
    await cloud.settle()
    assert "wall" in refused.text
    assert await status_of(cloud) == "CREATE_COMPLETE"


async def test_a_page_of_exports_leads_to_the_next(cloud, shelf):
    outputs = {f"Out{at:03}": {"Value": "x", "Export": {"Name": f"export-{at:03}"}} for at in range(102)}
    await create(cloud, body(Outputs=outputs))
    first = await cloud.browser.get("cloudformation/exports")
    (more,) = [link for link in first.links if "from=" in link and "export=" not in link]
    second = await cloud.browser.send("GET", *more.split("?", 1))
    assert ("export-099" in first.text, "export-100" in first.text) == (True, False)
    assert ("export-099" in second.text, "export-101" in second.text) == (False, True)


# Permissions


async def test_who_may_not_sees_why(cloud, shop):
    await cloud.visit_as("reader", "cloudformation:ListStacks")
    assert "shop CREATE_COMPLETE" in (await cloud.browser.get("cloudformation/stacks")).text
    denied = "reader is not authorized to perform: cloudformation:"
    for path in (SHOP, f"{SHOP}/events", f"{SHOP}/update", "cloudformation/exports"):
        seen = await cloud.browser.get(path)
        assert (seen.status, denied in seen.text) == (403, True), path
    refused = await cloud.browser.post("cloudformation/new-stack", "create", name="other", template=body())
    assert (refused.status, f"{denied}CreateStack" in refused.text) == (403, True)
    assert len((await cloud.cloudformation.ListStacks())["StackSummaries"]) == 1
