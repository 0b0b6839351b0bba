"""CloudWatch Logs' pages: what they show and do is what the operations tell and did."""

import io
import zipfile

import pytest

GROUP = "/app/shop"
PAGE = "logs/groups/%2Fapp%2Fshop"
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
async def stream(cloud):
    """The page of a stream "one" of the group GROUP."""
    await cloud.logs.CreateLogGroup(logGroupName=GROUP)
    await cloud.logs.CreateLogStream(logGroupName=GROUP, logStreamName="one")
    return f"{PAGE}/streams/one"


async def put(cloud, *messages: str, stream: str = "one") -> None:
    """One a second, from now on."""
    events = [
        {"timestamp": cloud.clock.now_ms() + 1000 * at, "message": message} for at, message in enumerate(messages)
    ]
    await cloud.logs.PutLogEvents(logGroupName=GROUP, logStreamName=stream, logEvents=events)


async def follow(cloud, page, label: str):
    """The page behind the button of that label."""
    (address,) = {link for link in page.links if f'href="{link.replace("&", "&amp;")}">{label}</a>' in page.html}
    return await cloud.browser.send("GET", *address.split("?", 1))


async def test_a_group_is_made_and_listed(cloud):
    seen = await cloud.browser.post("logs/groups", "create", name=GROUP, days="7")
    assert f"The log group {GROUP} is there." in seen.text
    (group,) = (await cloud.logs.DescribeLogGroups())["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == (GROUP, 7)
    await cloud.browser.post("logs/groups", "create", name="other", days="")
    listed = (await cloud.browser.get("logs/groups")).text
    assert f"{GROUP} 7 days 2026-01-01 00:00:00 0 B other for ever" in listed
    begun = (await cloud.browser.get("logs/groups", prefix="/app")).text
    assert (GROUP in begun, "other" in begun) == (True, False)


async def test_a_group_that_is_refused_is_not_made(cloud):
    seen = await cloud.browser.post("logs/groups", "create", name="a b", days="7")
    assert (seen.status, "InvalidParameterException" in seen.text, 'value="a b"' in seen.html) == (400, True, True)
    seen = await cloud.browser.post("logs/groups", "create", name="app", days="2")
    assert "Events can't be kept for 2 days" in seen.text
    assert (await cloud.logs.DescribeLogGroups())["logGroups"] == []


async def test_a_group_whose_retention_is_refused_says_that_it_is_there(cloud):
    await cloud.visit_as("ann", "logs:CreateLogGroup", "logs:DescribeLogGroups")
    seen = await cloud.browser.post("logs/groups", "create", name="app", days="7")
    assert seen.status == 403
    assert "The log group app is there, but keeps events for ever: User:" in seen.text
    assert "not authorized to perform: logs:PutRetentionPolicy" in seen.text


async def test_a_page_of_groups_leads_to_the_next(cloud):
    for at in range(52):
        await cloud.logs.CreateLogGroup(logGroupName=f"group-{at:02}")
    first = await cloud.browser.get("logs/groups", prefix="group")
    second = await follow(cloud, first, "Next page")
    assert [name in first.text for name in ("group-49", "group-50")] == [True, False]
    assert [name in second.text for name in ("group-49", "group-50", "group-51")] == [False, True, True]
    assert 'value="group"' in second.html


async def test_streams_are_made_and_listed_by_their_last_event(cloud, stream):
    seen = await cloud.browser.post(PAGE, "create", name="two")
    assert "The stream two is there." in seen.text
    await put(cloud, "first", stream="two")
    await cloud.advance(5000)
    await put(cloud, "last")
    listed = (await cloud.browser.get(PAGE)).text
    assert listed.index("one 2026-01-01 00:00:05") < listed.index("two 2026-01-01 00:00:00")
    begun = (await cloud.browser.get(PAGE, prefix="tw")).text
    assert ("two" in begun, "one 2026" in begun) == (True, False)
    seen = await cloud.browser.post(PAGE, "create", name="two")
    assert "ResourceAlreadyExistsException" in seen.text


async def test_a_page_of_streams_leads_to_the_next(cloud, stream):
    for at in range(51):
        await cloud.logs.CreateLogStream(logGroupName=GROUP, logStreamName=f"s-{at:02}")
    first = await cloud.browser.get(PAGE)
    second = await follow(cloud, first, "Next page")
    assert [name in first.text for name in ("s-50", "s-01", "s-00")] == [True, True, False]
    assert [name in second.text for name in ("s-01", "s-00", "one")] == [False, True, True]


async def test_a_streams_events_are_paged_both_ways(cloud, stream):
    await put(cloud, *(f"event {at:03}" for at in range(450)))
    newest = await cloud.browser.get(stream)
    assert [f"event {at}" in newest.text for at in (249, 250, 449)] == [False, True, True]
    older = await follow(cloud, newest, "Older")
    assert [f"event {at:03}" in older.text for at in (49, 50, 249)] == [False, True, True]
    oldest = await follow(cloud, await follow(cloud, older, "Older"), "Older")
    assert "No events here." in oldest.text
    assert ">Older<" not in oldest.html
    head = await follow(cloud, newest, "Oldest")
    assert ["event 000" in head.text, "event 199" in head.text, ">Older<" in head.html] == [True, True, False]
    assert "event 200" in (await follow(cloud, head, "Newer")).text
    await cloud.advance(600_000)
    assert "No events here." in (later := await follow(cloud, newest, "Newer")).text
    await put(cloud, "event 450")
    assert "event 450" in (await follow(cloud, later, "Newer")).text


async def test_the_newest_event_may_stand_first(cloud, stream):
    await put(cloud, "early", "late")
    seen = await cloud.browser.get(stream)
    assert "00:00:00.000 early 2026-01-01 00:00:01.000 late" in seen.text
    turned = await follow(cloud, seen, "Newest first")
    assert "00:00:01.000 late 2026-01-01 00:00:00.000 early" in turned.text
    assert "order=newest" in next(link for link in turned.links if "at=b" in link)


async def test_what_was_written_is_shown_as_text(cloud, stream):
    await cloud.logs.CreateLogStream(logGroupName=GROUP, logStreamName=SCRIPT)
    await put(cloud, f"{SCRIPT}\nand more", stream=SCRIPT)
    for page in (PAGE, f"{PAGE}/streams/{SCRIPT.replace('/', '%2F')}", f"{PAGE}/events"):
        seen = await cloud.browser.get(page)
        assert (seen.status, SCRIPT in seen.html, "&lt;script&gt;" in seen.html) == (200, False, True), page
    assert "<pre>&lt;script&gt;alert(1)&lt;/script&gt;\nand more</pre>" in seen.html


async def test_a_stream_is_deleted_by_its_name(cloud, stream):
    seen = await cloud.browser.post(stream, "delete", typed_name="on")
    assert "To delete one, type its name." in seen.text
    assert (await cloud.logs.DescribeLogStreams(logGroupName=GROUP))["logStreams"]
    await cloud.browser.post(stream, "delete", typed_name="one")
    assert (await cloud.logs.DescribeLogStreams(logGroupName=GROUP))["logStreams"] == []


async def test_events_are_found_by_pattern_stream_and_time(cloud, stream):
    await cloud.logs.CreateLogStream(logGroupName=GROUP, logStreamName="two")
    await put(cloud, "ERROR first", "fine", "ERROR third")
    await put(cloud, '{"status": 500}', stream="two")
    page = f"{PAGE}/events"
    errors = (await cloud.browser.get(page, pattern="ERROR")).text
    assert ["ERROR first" in errors, "ERROR third" in errors, "fine" in errors] == [True, True, False]
    assert "two {" in (await cloud.browser.get(page, pattern="{ $.status = 500 }")).text
    later = (await cloud.browser.get(page, since="2026-01-01 00:00:01", until="2026-01-01 00:00:01")).text
    assert ["one fine" in later, "ERROR first" in later] == [True, False]
    of_two = (await cloud.browser.get(page, stream="two")).text
    assert ["500" in of_two, "fine" in of_two] == [True, False]
    assert "fine" in (await cloud.browser.get(page, stream="on*")).text
    first = (await cloud.browser.get(page, since="2026-01-01", stream="one", newest_first="true")).text
    assert first.index("ERROR third") < first.index("ERROR first")


async def test_a_page_of_found_events_leads_to_the_next(cloud, stream):
    await put(cloud, *(f"{'ERROR' if at % 2 else 'fine'} {at:03}" for at in range(420)))
    first = await cloud.browser.get(f"{PAGE}/events", pattern="ERROR")
    second = await follow(cloud, first, "Next page")
    assert ["ERROR 399" in first.text, "ERROR 401" in first.text] == [True, False]
    assert ["ERROR 399" in second.text, "ERROR 401" in second.text, "fine" in second.text] == [False, True, False]


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({"pattern": "{ $.a = }"}, "InvalidParameterException"),
        ({"since": "soon"}, "Write the time as"),
        ({"newest_first": "true"}, "startFromHead can be false only when startTime"),
        ({"stream": "none"}, "ResourceNotFoundException"),
    ],
)
async def test_what_is_wrong_with_a_search_is_told_beside_it(cloud, stream, typed, why):
    seen = await cloud.browser.get(f"{PAGE}/events", **typed)
    assert why in seen.text
    assert f'value="{next(iter(typed.values()))}"' in seen.html


async def test_what_is_not_there_is_told(cloud):
    for page in (PAGE, f"{PAGE}/events", f"{PAGE}/settings", f"{PAGE}/streams/one"):
        seen = await cloud.browser.get(page)
        assert "ResourceNotFoundException The specified log group does not exist." in seen.text, page


async def test_settings(cloud, stream):
    page = f"{PAGE}/settings"
    await cloud.browser.post(page, "retention", days="30")
    await cloud.browser.post(page, "protection", enabled="true")
    refused = await cloud.browser.post(page, "tag", key="aws:team", value="core")
    assert refused.status == 400  # such tags are the cloud's own
    await cloud.browser.post(page, "tag", key="team", value="core")
    (group,) = (await cloud.logs.DescribeLogGroups())["logGroups"]
    assert (group["retentionInDays"], group["deletionProtectionEnabled"]) == (30, True)
    seen = await cloud.browser.get(page)
    assert '<option value="30" selected>' in seen.html
    assert "team core Remove" in seen.text
    seen = await cloud.browser.post(page, "delete", typed_name=GROUP)
    assert "deletion protection is enabled" in seen.text
    await cloud.browser.post(page, "protection", enabled="false")
    await cloud.browser.post(page, "retention", days="")
    await cloud.browser.post(page, "untag", key="team")
    (group,) = (await cloud.logs.DescribeLogGroups())["logGroups"]
    assert ("retentionInDays" in group, group["deletionProtectionEnabled"]) == (False, False)
    assert (await cloud.logs.ListTagsForResource(resourceArn=group["logGroupArn"]))["tags"] == {}
    seen = await cloud.browser.post(page, "delete", typed_name="/app")
    assert f"To delete {GROUP}, type its name." in seen.text
    await cloud.browser.post(page, "delete", typed_name=GROUP)
    assert (await cloud.logs.DescribeLogGroups())["logGroups"] == []


async def test_subscriptions_are_shown(cloud, stream):
    trust = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": '
    trust += '{"Service": "lambda.amazonaws.com"}}]}'
    role = (await cloud.iam.CreateRole(RoleName="runs", AssumeRolePolicyDocument=trust))["Role"]["Arn"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", "def handler(event, context):\n    pass\n")
    made = {"Runtime": "python3.11", "Handler": "index.handler", "Role": role}
    code = {"ZipFile": packed.getvalue()}
    function = (await cloud.lambda_.CreateFunction(FunctionName="f", Code=code, **made))["FunctionArn"]
    await cloud.settle()
    who = {"Principal": "logs.amazonaws.com", "Action": "lambda:InvokeFunction"}
    await cloud.lambda_.AddPermission(FunctionName="f", StatementId="logs", **who)
    await cloud.logs.PutSubscriptionFilter(
        logGroupName=GROUP, filterName="errors", filterPattern="ERROR", destinationArn=function
    )
    assert f"errors ERROR {function}" in (await cloud.browser.get(f"{PAGE}/settings")).text


async def test_who_may_not_is_told_so(cloud, stream):
    await cloud.visit_as("ann", "logs:DescribeLogStreams", "logs:GetLogEvents")
    seen = await cloud.browser.post(stream, "delete", typed_name="one")
    assert seen.status == 403
    assert "ann is not authorized to perform: logs:DeleteLogStream" in seen.text
    assert (await cloud.logs.DescribeLogStreams(logGroupName=GROUP))["logStreams"]
    assert "is not authorized to perform: logs:FilterLogEvents" in (await cloud.browser.get(f"{PAGE}/events")).text
