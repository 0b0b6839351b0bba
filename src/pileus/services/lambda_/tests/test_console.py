"""Lambda's pages: what they show and do is what the operations tell and did."""

import json

import pytest

from pileus.kernel.errors import AwsError
from pileus.services.lambda_.tests.material import allow, zipped

SCRIPT = "<script>alert(1)</script>"
QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:jobs"
PAGE = "lambda/functions/echo"


@pytest.fixture
async def mapping(cloud, make):
    """The UUID of a mapping that feeds the function echo from the queue jobs."""
    polling = allow("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
    await cloud.iam.PutRolePolicy(RoleName="runs-functions", PolicyName="polling", PolicyDocument=polling)
    await make()
    await cloud.sqs.CreateQueue(QueueName="jobs")
    made = await cloud.lambda_.CreateEventSourceMapping(FunctionName="echo", EventSourceArn=QUEUE_ARN)
    await cloud.settle()
    return made["UUID"]


async def configuration(cloud) -> dict:
    return await cloud.lambda_.GetFunctionConfiguration(FunctionName="echo")


async def statements(cloud, **more: str) -> list[dict]:
    try:
        policy = (await cloud.lambda_.GetPolicy(FunctionName="echo", **more))["Policy"]
    except AwsError as error:
        assert error.code == "ResourceNotFoundException"
        return []
    return json.loads(policy)["Statement"]


# Functions


async def test_functions_are_listed_and_described(cloud, make):
    layer = await cloud.lambda_.PublishLayerVersion(LayerName="tools", Content={"ZipFile": zipped()})
    await make(
        Description=SCRIPT,
        Environment={"Variables": {"KEY": SCRIPT}},
        Layers=[layer["LayerVersionArn"]],
        Timeout=7,
    )
    await cloud.lambda_.PutFunctionConcurrency(FunctionName="echo", ReservedConcurrentExecutions=0)
    listed = await cloud.browser.get("lambda/functions")
    assert "echo python3.11 128 MB 7 s" in listed.text
    seen = await cloud.browser.get(PAGE)
    made = await configuration(cloud)
    for part in (made["CodeSha256"], made["Role"], layer["LayerVersionArn"], "Reserved concurrency 0", "echo Active"):
        assert part in seen.text
    assert "Last update Successful" in seen.text
    assert "Log group /aws/lambda/echo" in seen.text
    for page in (listed, seen, await cloud.browser.get(f"{PAGE}/settings")):
        assert (SCRIPT in page.html, "&lt;script&gt;" in page.html) == (False, True)


async def test_a_page_of_functions_leads_to_the_next(cloud, make):
    for at in range(52):
        await make(f"function-{at:02}")
    first = await cloud.browser.get("lambda/functions")
    second = await cloud.browser.follow(first, "from=")
    assert ("function-49" in first.text, "function-50" in first.text) == (True, False)
    assert ("function-49" in second.text, "function-51" in second.text) == (False, True)


async def test_a_function_that_is_not_there_is_told(cloud):
    seen = await cloud.browser.get(PAGE)
    assert (seen.status, "ResourceNotFoundException Function not found" in seen.text) == (404, True)


async def test_a_function_is_deleted_by_its_name(cloud, make):
    await make()
    seen = await cloud.browser.post(f"{PAGE}/settings", "delete", typed_name="ech")
    assert "To delete echo, type its name." in seen.text
    assert (await configuration(cloud))["State"] == "Active"
    await cloud.browser.post(f"{PAGE}/settings", "delete", typed_name="echo")
    assert (await cloud.lambda_.ListFunctions())["Functions"] == []


# Invocations


async def test_a_function_is_invoked_and_its_answer_and_log_are_shown(cloud, make):
    await make(source="def handler(event, context):\n    print('asked')\n    return [event]\n")
    event = json.dumps({"a": SCRIPT})
    seen = await cloud.browser.post(f"{PAGE}/invoke", "invoke", event=event, type="RequestResponse", qualifier="")
    assert "Status 200 Version $LATEST" in seen.text
    assert '[ { "a": "<script>alert(1)</script>" } ]' in seen.text
    assert ("START RequestId: " in seen.text, "asked END RequestId: " in seen.text) == (True, True)
    assert SCRIPT not in seen.html
    seen = await cloud.browser.post(f"{PAGE}/invoke", "invoke", event="{", type="RequestResponse")
    assert (seen.status, "InvalidRequestContentException" in seen.text, "{</textarea>" in seen.html) == (
        400,
        True,
        True,
    )


async def test_a_function_that_fails_is_told(cloud, make):
    await make(source="def handler(event, context):\n    raise ValueError('no luck')\n")
    await cloud.lambda_.PublishVersion(FunctionName="echo")
    seen = await cloud.browser.post(f"{PAGE}/invoke", "invoke", event="{}", type="RequestResponse", qualifier="1")
    assert "Unhandled The function failed. Status 200 Version 1" in seen.text
    assert '"errorMessage": "no luck"' in seen.text


async def test_other_ways_to_invoke(cloud, make):
    await make()
    seen = await cloud.browser.post(f"{PAGE}/invoke", "invoke", event="{}", type="DryRun")
    assert "Status 204" in seen.text
    seen = await cloud.browser.post(f"{PAGE}/invoke", "invoke", event="{}", type="Event")
    assert "Status 202" in seen.text
    await cloud.settle()
    await cloud.pileus.engines["lambda"].logs.flush()
    lines = await cloud.logs.FilterLogEvents(logGroupName="/aws/lambda/echo", filterPattern="REPORT")
    assert len(lines["events"]) == 1


# Event source mappings


async def test_a_mapping_is_made_shown_and_changed(cloud, mapping):
    await cloud.lambda_.DeleteEventSourceMapping(UUID=mapping)
    await cloud.settle()
    form = {"source": QUEUE_ARN, "batch": "5", "window": "", "position": "", "enabled": "true"}
    seen = await cloud.browser.post(f"{PAGE}/mappings", "create", **form)
    assert "is being created." in seen.text
    await cloud.settle()
    (made,) = (await cloud.lambda_.ListEventSourceMappings())["EventSourceMappings"]
    assert (made["BatchSize"], made["EventSourceArn"], made["State"]) == (5, QUEUE_ARN, "Enabled")
    for page in (f"{PAGE}/mappings", "lambda/mappings"):
        assert f"{made['UUID']} Enabled {QUEUE_ARN} echo 5" in (await cloud.browser.get(page)).text
    page = f"lambda/mappings/{made['UUID']}"
    await cloud.browser.post(page, "update", batch="9", window="2")
    await cloud.settle()
    made = await cloud.lambda_.GetEventSourceMapping(UUID=made["UUID"])
    assert (made["BatchSize"], made["MaximumBatchingWindowInSeconds"]) == (9, 2)
    seen = await cloud.browser.post(page, "update", batch="many", window="2")
    assert "The batch size must be a whole number." in seen.text
    seen = await cloud.browser.post(page, "update", batch="20000", window="2")
    assert (seen.status, 'value="20000"' in seen.html) == (400, True)
    assert (await cloud.lambda_.GetEventSourceMapping(UUID=made["UUID"]))["BatchSize"] == 9


async def test_a_mapping_is_disabled_enabled_and_deleted(cloud, mapping):
    page = f"lambda/mappings/{mapping}"
    for action, state in (("disable", "Disabled"), ("enable", "Enabled")):
        await cloud.browser.post(page, action)
        await cloud.settle()
        assert (await cloud.lambda_.GetEventSourceMapping(UUID=mapping))["State"] == state
        seen = await cloud.browser.get(page)
        assert (f"{mapping} {state}" in seen.text, "refresh" in seen.headers) == (True, False)
    assert f"To delete {mapping}, type its name." in (await cloud.browser.post(page, "delete", typed_name="it")).text
    assert len((await cloud.lambda_.ListEventSourceMappings())["EventSourceMappings"]) == 1
    await cloud.browser.post(page, "delete", typed_name=mapping)
    await cloud.settle()
    assert (await cloud.lambda_.ListEventSourceMappings())["EventSourceMappings"] == []


async def test_a_mapping_of_a_stream_says_where_it_begins(cloud, mapping):
    table = await cloud.dynamodb.CreateTable(
        TableName="tbl",
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )
    await cloud.settle()
    source = table["TableDescription"]["LatestStreamArn"]
    await cloud.iam.PutRolePolicy(
        RoleName="runs-functions", PolicyName="streams", PolicyDocument=allow("dynamodb:*Stream*", "dynamodb:Get*")
    )
    form = {"function": "echo", "source": source, "enabled": "true"}
    seen = await cloud.browser.post("lambda/mappings", "create", position="", **form)
    assert (seen.status, "startingPosition" in seen.text) == (400, True)
    assert len((await cloud.lambda_.ListEventSourceMappings())["EventSourceMappings"]) == 1
    await cloud.browser.post("lambda/mappings", "create", position="LATEST", **form)
    (made,) = (await cloud.lambda_.ListEventSourceMappings(EventSourceArn=source))["EventSourceMappings"]
    assert made["StartingPosition"] == "LATEST"
    seen = await cloud.browser.get(f"lambda/mappings/{made['UUID']}")
    assert ("Last result No records processed" in seen.text, "Starting position LATEST" in seen.text) == (True, True)


async def test_a_page_of_mappings_leads_to_the_next(cloud, mapping):
    for at in range(52):
        arn = f"{QUEUE_ARN}-{at}"
        await cloud.sqs.CreateQueue(QueueName=arn.rpartition(":")[2])
        await cloud.lambda_.CreateEventSourceMapping(FunctionName="echo", EventSourceArn=arn, Enabled=False)
    await cloud.settle()
    for page in ("lambda/mappings", f"{PAGE}/mappings"):
        first = await cloud.browser.get(page)
        second = await cloud.browser.follow(first, "from=")
        assert (first.text.count(QUEUE_ARN), second.text.count(QUEUE_ARN)) == (50, 3)


# Versions and aliases


async def test_versions_and_aliases_come_and_go(cloud, make):
    await make()
    page = f"{PAGE}/versions"
    seen = await cloud.browser.post(page, "publish", description=SCRIPT)
    assert ("is published as version 1." in seen.text, SCRIPT in seen.html) == (True, False)
    await cloud.lambda_.UpdateFunctionConfiguration(FunctionName="echo", Timeout=9)
    await cloud.browser.post(page, "publish", description="")
    versions = (await cloud.lambda_.ListVersionsByFunction(FunctionName="echo"))["Versions"]
    assert [each["Version"] for each in versions] == ["$LATEST", "1", "2"]
    seen = await cloud.browser.post(page, "create-alias", name="live", to="7", description="")
    assert (seen.status, 'value="7"' in seen.html) == (404, True)
    assert (await cloud.lambda_.ListAliases(FunctionName="echo"))["Aliases"] == []
    await cloud.browser.post(page, "create-alias", name="live", to="1", description="for all")
    await cloud.browser.post(page, "update-alias", name="live", to="2")
    alias = await cloud.lambda_.GetAlias(FunctionName="echo", Name="live")
    assert (alias["FunctionVersion"], alias["Description"]) == ("2", "for all")
    assert "live 2 for all" in (await cloud.browser.get(page)).text
    assert "Timeout 9 s" in (await cloud.browser.get(PAGE, qualifier="live")).text
    assert "Timeout 3 s" in (await cloud.browser.get(PAGE, qualifier="1")).text
    seen = await cloud.browser.post(page, "delete", number="1", typed_name="echo")
    assert "To delete echo:1, type its name." in seen.text
    await cloud.browser.post(page, "delete", number="1", typed_name="echo:1")
    versions = (await cloud.lambda_.ListVersionsByFunction(FunctionName="echo"))["Versions"]
    assert [each["Version"] for each in versions] == ["$LATEST", "2"]
    await cloud.browser.post(page, "delete-alias", name="live", typed_name="")
    assert len((await cloud.lambda_.ListAliases(FunctionName="echo"))["Aliases"]) == 1
    await cloud.browser.post(page, "delete-alias", name="live", typed_name="live")
    assert (await cloud.lambda_.ListAliases(FunctionName="echo"))["Aliases"] == []


async def test_versions_and_aliases_are_paged_apart(cloud, make):
    await make()
    for at in range(52):
        await cloud.lambda_.UpdateFunctionConfiguration(FunctionName="echo", Description=f"number {at}")
        await cloud.lambda_.PublishVersion(FunctionName="echo")
        await cloud.lambda_.CreateAlias(FunctionName="echo", Name=f"alias-{at:02}", FunctionVersion="1")
    first = await cloud.browser.get(f"{PAGE}/versions")
    assert ("echo:49" in first.text, "echo:50" in first.text, "alias-49" in first.text) == (True, False, True)
    second = await cloud.browser.follow(first, "?from=")
    assert ("echo:49" in second.text, "echo:52" in second.text, "alias-49" in second.text) == (False, True, True)
    third = await cloud.browser.follow(second, "aliases_from=")
    assert ("echo:52" in third.text, "alias-49" in third.text, "alias-51" in third.text) == (True, False, True)


# Asynchronous invocations


async def test_asynchronous_invocations_are_configured(cloud, make):
    await make()
    await cloud.sqs.CreateQueue(QueueName="jobs")
    page = f"{PAGE}/asynchronous"
    form = {"qualifier": "", "retries": "1", "age": "", "on_success": "", "on_failure": QUEUE_ARN}
    await cloud.browser.post(page, "put", **form)
    config = await cloud.lambda_.GetFunctionEventInvokeConfig(FunctionName="echo")
    assert (config["MaximumRetryAttempts"], "MaximumEventAgeInSeconds" in config) == (1, False)
    assert config["DestinationConfig"]["OnFailure"] == {"Destination": QUEUE_ARN}
    assert f"$LATEST 1 default – {QUEUE_ARN}" in (await cloud.browser.get(page)).text
    seen = await cloud.browser.post(page, "put", **{**form, "retries": "3"})
    assert (seen.status, 'value="3"' in seen.html) == (400, True)
    assert "You must specify at least one" in (await cloud.browser.post(page, "put", qualifier="")).text
    assert await cloud.lambda_.GetFunctionEventInvokeConfig(FunctionName="echo") == config
    await cloud.browser.post(page, "delete", qualifier="$LATEST")
    found = await cloud.lambda_.ListFunctionEventInvokeConfigs(FunctionName="echo")
    assert found["FunctionEventInvokeConfigs"] == []


# Permissions


async def test_statements_are_added_and_removed(cloud, make):
    await make()
    page = f"{PAGE}/permissions"
    assert "Its policy has no statement." in (await cloud.browser.get(page)).text
    form = {"sid": "events", "principal": "events.amazonaws.com", "may": "lambda:InvokeFunction"}
    await cloud.browser.post(page, "add", source_arn="arn:aws:events:us-east-1:000000000000:rule/a", **form)
    (statement,) = await statements(cloud)
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Condition"]["ArnLike"]["AWS:SourceArn"].endswith("rule/a")
    assert '"Service": "events.amazonaws.com"' in (await cloud.browser.get(page)).text
    seen = await cloud.browser.post(page, "add", **form)
    assert (seen.status, "ResourceConflictException" in seen.text) == (409, True)
    await cloud.browser.post(page, "remove", sid="events")
    assert await statements(cloud) == []


async def test_statements_of_an_alias(cloud, make):
    await make()
    await cloud.lambda_.CreateAlias(FunctionName="echo", Name="live", FunctionVersion="$LATEST")
    form = {"sid": "all", "principal": "*", "may": "lambda:InvokeFunction"}
    seen = await cloud.browser.post(f"{PAGE}/permissions", "add", query={"qualifier": "live"}, **form)
    assert '"Sid": "all"' in seen.text
    assert (len(await statements(cloud, Qualifier="live")), await statements(cloud)) == (1, [])
    await cloud.browser.post(f"{PAGE}/permissions", "remove", query={"qualifier": "live"}, sid="all")
    assert await statements(cloud, Qualifier="live") == []


# Settings


async def test_a_function_is_changed(cloud, make):
    await make()
    page = f"{PAGE}/settings"
    before = await configuration(cloud)
    form = {"description": "d", "memory": "256", "timeout": "9", "variables": '{"KEY": "a\\nb"}'}
    await cloud.browser.post(page, "update", revision=before["RevisionId"], **form)
    await cloud.settle()
    after = await configuration(cloud)
    assert (after["Description"], after["MemorySize"], after["Timeout"]) == ("d", 256, 9)
    assert after["Environment"]["Variables"] == {"KEY": "a\nb"}
    seen = await cloud.browser.post(page, "update", revision=before["RevisionId"], **form)
    assert "PreconditionFailedException" in seen.text
    assert await configuration(cloud) == after


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"variables": "{"}, "The environment is no JSON"),
        ({"variables": '{"KEY": 1}'}, "The environment is an object of texts"),
        ({"variables": '["KEY"]'}, "The environment is an object of texts"),
        ({"variables": '{"AWS_REGION": "here"}'}, "InvalidParameterValueException"),
        ({"memory": "1"}, "'memorySize' failed to satisfy constraint"),
        ({"memory": "much"}, "The memory must be a whole number."),
    ],
)
async def test_a_change_that_is_refused_changes_nothing(cloud, make, wrong, why):
    await make()
    before = await configuration(cloud)
    form = {"description": "d", "memory": "256", "timeout": "9", "variables": "{}", "revision": before["RevisionId"]}
    seen = await cloud.browser.post(f"{PAGE}/settings", "update", **{**form, **wrong})
    assert (seen.status, why in seen.text) == (400, True)
    assert await configuration(cloud) == before


async def test_concurrency_is_reserved(cloud, make):
    await make()
    page = f"{PAGE}/settings"
    await cloud.browser.post(page, "concurrency", reserved="0")
    found = await cloud.lambda_.GetFunctionConcurrency(FunctionName="echo")
    assert found == {"ReservedConcurrentExecutions": 0}
    assert 'name="reserved" type="text" value="0"' in (await cloud.browser.get(page)).html
    seen = await cloud.browser.post(page, "concurrency", reserved="1000000")
    assert seen.status == 400
    assert await cloud.lambda_.GetFunctionConcurrency(FunctionName="echo") == found
    await cloud.browser.post(page, "concurrency", reserved="")
    assert await cloud.lambda_.GetFunctionConcurrency(FunctionName="echo") == {}


async def test_tags(cloud, make):
    made = await make()
    page = f"{PAGE}/settings"
    assert (await cloud.browser.post(page, "tag", key="aws:team", value="core")).status == 400
    await cloud.browser.post(page, "tag", key="team", value="core")
    assert (await cloud.lambda_.ListTags(Resource=made["FunctionArn"]))["Tags"] == {"team": "core"}
    assert "team core Remove" in (await cloud.browser.get(page)).text
    await cloud.browser.post(page, "untag", key="team")
    assert (await cloud.lambda_.ListTags(Resource=made["FunctionArn"]))["Tags"] == {}


# Layers


async def test_layers_and_their_versions(cloud):
    assert "There is no layer in this region." in (await cloud.browser.get("lambda/layers")).text
    for description in ("first", SCRIPT):
        await cloud.lambda_.PublishLayerVersion(
            LayerName="tools",
            Content={"ZipFile": zipped()},
            Description=description,
            CompatibleRuntimes=["python3.11", "python3.12"],
        )
    seen = await cloud.browser.get("lambda/layers")
    assert ("python3.11, python3.12" in seen.text, SCRIPT in seen.html) == (True, False)
    seen = await cloud.browser.get("lambda/layers/tools")
    assert "1 arn:aws:lambda:us-east-1:000000000000:layer:tools:1 first" in seen.text
    assert (":layer:tools:2" in seen.text, SCRIPT in seen.html) == (True, False)


async def test_a_page_of_layers_leads_to_the_next(cloud):
    for at in range(52):
        await cloud.lambda_.PublishLayerVersion(LayerName=f"layer-{at:02}", Content={"ZipFile": zipped()})
        await cloud.lambda_.PublishLayerVersion(LayerName="tools", Content={"ZipFile": zipped()})
    first = await cloud.browser.get("lambda/layers")
    second = await cloud.browser.follow(first, "from=")
    assert ("layer-49" in first.text, "layer-50" in first.text) == (True, False)
    assert ("layer-49" in second.text, "layer-51" in second.text) == (False, True)
    first = await cloud.browser.get("lambda/layers/tools")
    second = await cloud.browser.follow(first, "from=")
    assert (first.text.count(":layer:tools:"), second.text.count(":layer:tools:")) == (50, 2)


# Who may


async def test_who_may_not_is_told_so(cloud, mapping):
    await cloud.visit_as("ann", "lambda:GetFunction", "lambda:GetFunctionConfiguration", "lambda:GetEventSourceMapping")
    seen = await cloud.browser.post(f"{PAGE}/invoke", "invoke", event="{}", type="RequestResponse")
    assert (seen.status, "ann is not authorized to perform: lambda:InvokeFunction" in seen.text) == (403, True)
    seen = await cloud.browser.post(f"lambda/mappings/{mapping}", "delete", typed_name=mapping)
    assert "is not authorized to perform: lambda:DeleteEventSourceMapping" in seen.text
    assert len((await cloud.lambda_.ListEventSourceMappings())["EventSourceMappings"]) == 1
    for page, operation in (("lambda/functions", "ListFunctions"), ("lambda/layers", "ListLayers")):
        seen = await cloud.browser.get(page)
        assert (seen.status, f"is not authorized to perform: lambda:{operation}" in seen.text) == (403, True)
