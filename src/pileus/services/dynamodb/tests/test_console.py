"""DynamoDB's pages: what they show and do is what the operations tell and did."""

import json

import pytest

from pileus.kernel.errors import ValidationException
from pileus.kernel.principal import root
from pileus.services.dynamodb.console import json_items
from pileus.services.dynamodb.console.items import key_out

ITEM = {
    "artist": {"S": "<script>alert(1)</script>"},
    "song": {"N": "1"},
    "cover": {"B": b"\x00\xff"},
    "tags": {"SS": ["a", "b"]},
    "more": {"M": {"keys": {"L": [{"BOOL": True}, {"NULL": True}, {"BS": [b"x"]}]}}},
}
KEY = {"artist": ITEM["artist"], "song": ITEM["song"]}


@pytest.fixture
async def music(cloud):
    made = {
        "name": "music",
        "partition_key": "artist",
        "partition_type": "S",
        "sort_key": "song",
        "sort_type": "N",
        "billing": "PAY_PER_REQUEST",
        "stream": "NEW_AND_OLD_IMAGES",
    }
    await cloud.browser.post("dynamodb/tables", "create", **made)
    await cloud.advance(60_000)
    return "dynamodb/tables/music"


async def test_a_table_is_made_listed_and_described(cloud, music):
    table = (await cloud.dynamodb.DescribeTable(TableName="music"))["Table"]
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["artist", "song"]
    assert "music ACTIVE artist (S) song (N)" in (await cloud.browser.get("dynamodb/tables")).text
    assert table["TableArn"] in (await cloud.browser.get(music)).text


async def test_replicas_are_shown_with_whose_they_are(cloud):
    arn = f"arn:aws:dynamodb:us-east-1:{cloud.account}:table/music"
    there = "arn:aws:dynamodb:eu-west-1:222222222222:table/music"

    def policy(mine):
        steady = ("ReadDataForReplication", "WriteDataForReplication", "ReplicateSettings")
        statements = [
            {
                "Effect": "Allow",
                "Principal": principal,
                "Action": [f"dynamodb:{action}" for action in actions],
                "Resource": mine,
            }
            for principal, actions in (
                ({"Service": "replication.dynamodb.amazonaws.com"}, steady),
                ({"AWS": "222222222222"}, ["AssociateTableReplica"]),
            )
        ]
        return json.dumps({"Version": "2012-10-17", "Statement": statements})

    shared = {"TableName": "music", "GlobalTableSettingsReplicationMode": "ENABLED"}
    await cloud.dynamodb.CreateTable(
        AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        ResourcePolicy=policy(arn),
        **shared,
    )
    await cloud.settle()
    other = cloud.as_(root("222222222222"), "dynamodb", region="eu-west-1")
    await other.CreateTable(GlobalTableSourceArn=arn, ResourcePolicy=policy(there), **shared)
    await cloud.settle()
    assert "eu-west-1 222222222222 ACTIVE" in (await cloud.browser.get("dynamodb/tables/music")).text


async def test_a_page_of_tables_leads_to_the_next(cloud):
    for at in range(52):
        await cloud.dynamodb.CreateTable(
            TableName=f"table-{at:02}",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    first = await cloud.browser.get("dynamodb/tables")
    assert ("table-49" in first.text, "table-50" in first.text) == (True, False)
    (more,) = [link for link in first.links if "from=" in link]
    second = await cloud.browser.get(*more.split("?")[:1], **{"from": "table-49"})
    assert ("table-49" in second.text, "table-51" in second.text) == (False, True)


async def test_a_table_is_deleted_by_its_name(cloud, music):
    seen = await cloud.browser.post(music, "delete", typed_name="musik")
    assert "To delete music, type its name." in seen.text
    assert (await cloud.dynamodb.DescribeTable(TableName="music"))["Table"]["TableStatus"] == "ACTIVE"
    await cloud.browser.post(music, "delete", typed_name="music")
    await cloud.advance(60_000)
    assert (await cloud.dynamodb.ListTables())["TableNames"] == []


async def test_an_index_is_made_filled_and_deleted(cloud, music):
    await cloud.dynamodb.PutItem(TableName="music", Item={**KEY, "year": {"N": "1999"}})
    made = {
        "name": "by-year",
        "partition_key": "year",
        "partition_type": "N",
        "projection": "INCLUDE",
        "attributes": "a, b",
    }
    await cloud.browser.post(music, "create-index", **made)
    await cloud.advance(600_000)
    found = await cloud.browser.get(f"{music}/items", index="by-year", mode="query", key0="1999")
    assert "1 found, 1 looked at" in found.text
    assert "by-year global ACTIVE year (N) INCLUDE: a, b" in (await cloud.browser.get(music)).text
    await cloud.browser.post(music, "delete-index", index="by-year", typed_name="by-year")
    await cloud.advance(600_000)
    assert "GlobalSecondaryIndexes" not in (await cloud.dynamodb.DescribeTable(TableName="music"))["Table"]


async def test_items_of_every_type_come_and_go_as_json(cloud, music):
    assert json_items.from_text(json_items.to_text(ITEM)) == ITEM
    await cloud.browser.post(f"{music}/item", "put", item=json_items.to_text(ITEM))
    assert (await cloud.dynamodb.GetItem(TableName="music", Key=KEY))["Item"] == ITEM
    shown = await cloud.browser.get(f"{music}/items")
    assert ("<script>alert" in shown.html, "&lt;script&gt;alert" in shown.html) == (False, True)
    opened = await cloud.browser.get(f"{music}/item", key=key_out(KEY))
    assert "AP8=" in opened.text
    assert "<script>alert" not in opened.html


async def test_a_new_item_replaces_none(cloud, music):
    await cloud.dynamodb.PutItem(TableName="music", Item=ITEM)
    seen = await cloud.browser.post(f"{music}/item", "put", item=json_items.to_text(KEY))
    assert "ConditionalCheckFailedException" in seen.text
    assert (await cloud.dynamodb.GetItem(TableName="music", Key=KEY))["Item"] == ITEM


async def test_an_opened_item_is_changed_or_moved(cloud, music):
    await cloud.dynamodb.PutItem(TableName="music", Item=ITEM)
    opened = {"key": key_out(KEY)}
    await cloud.browser.post(f"{music}/item", "put", query=opened, item=json_items.to_text({**KEY, "n": {"N": "1"}}))
    assert (await cloud.dynamodb.GetItem(TableName="music", Key=KEY))["Item"] == {**KEY, "n": {"N": "1"}}
    elsewhere = {"artist": {"S": "b"}, "song": {"N": "2"}}
    await cloud.browser.post(f"{music}/item", "put", query=opened, item=json_items.to_text(elsewhere))
    assert (await cloud.dynamodb.Scan(TableName="music"))["Items"] == [elsewhere]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "That is no JSON"),
        ("[]", "An item is an object"),
        ('{"a": "b"}', "must say its one type"),
        ('{"a": {"S": 1}}', "The value of a is not of the type S"),
        ('{"a": {"L": [{"B": "?"}]}}', "The binary a[0] is not in base64"),
        ('{"a": ' + '{"L": [' * 50 + "]}" * 50 + "}", "must say its one type"),
    ],
)
async def test_what_is_no_item_is_refused(cloud, music, text, why):
    with pytest.raises(ValidationException):
        json_items.from_text(text)
    seen = await cloud.browser.post(f"{music}/item", "put", item=text)
    assert why in seen.text
    assert seen.status == 400


async def test_items_are_queried_filtered_and_paged(cloud, music):
    for at in range(60):
        await cloud.dynamodb.PutItem(
            TableName="music", Item={"artist": {"S": "a"}, "song": {"N": str(at)}, "even": {"BOOL": at % 2 == 0}}
        )
    between = {"mode": "query", "key0": "a", "condition1": "between", "key1": "10", "last1": "19"}
    assert "10 found, 10 looked at" in (await cloud.browser.get(f"{music}/items", **between)).text
    even = {"attribute0": "even", "is0": "=", "type0": "BOOL", "value0": "true"}
    assert "5 found, 10 looked at" in (await cloud.browser.get(f"{music}/items", **between, **even)).text
    gone = {"attribute0": "even", "is0": "attribute_not_exists"}
    assert "0 found, 10 looked at" in (await cloud.browser.get(f"{music}/items", **between, **gone)).text
    first = await cloud.browser.get(f"{music}/items", mode="query", key0="a", descending="true")
    assert "50 found, 50 looked at" in first.text
    (more,) = [link for link in first.links if "from=" in link]
    page, query = more.split("?", 1)
    second = await cloud.browser.send(
        "GET", page, f"{query}&self=1&service=s3"
    )  # names that Python's own might collide with
    assert "10 found, 10 looked at" in second.text
    again = await cloud.browser.send("GET", page, "mode=query&key0=a&self=1&service=s3")
    assert f"{page}?" in next(link for link in again.links if "from=" in link)
    refused = await cloud.browser.get(f"{music}/items", mode="query", key0="")
    assert "ValidationException" in refused.text


async def test_chosen_items_are_deleted(cloud, music):
    keys = [{"artist": {"S": "a"}, "song": {"N": str(at)}} for at in range(3)]
    for key in keys:
        await cloud.dynamodb.PutItem(TableName="music", Item=key)
    await cloud.browser.post(f"{music}/items", "delete", key=[key_out(key) for key in keys[:2]])
    assert (await cloud.dynamodb.Scan(TableName="music"))["Items"] == keys[2:]


async def test_a_statement_shows_what_it_returned(cloud, music):
    await cloud.browser.post("dynamodb/partiql", "run", statement="INSERT INTO music VALUE {'artist': 'x', 'song': 7}")
    seen = await cloud.browser.post("dynamodb/partiql", "run", statement="SELECT * FROM music WHERE artist = 'x'")
    assert "1 items artist song x 7" in seen.text
    seen = await cloud.browser.post("dynamodb/partiql", "run", statement="SELEC")
    assert (seen.status, "ValidationException" in seen.text, "SELEC</textarea>" in seen.html) == (400, True, True)


async def test_a_streams_records_are_shown(cloud, music):
    await cloud.dynamodb.PutItem(TableName="music", Item=ITEM)
    page = await cloud.browser.get(f"{music}/stream")
    (shard,) = [link for link in page.links if "shard=" in link]
    records = await cloud.browser.send("GET", *shard.partition("#")[0].split("?", 1))
    assert ("INSERT" in records.text, "AP8=" in records.text, "<script>alert" in records.html) == (True, True, False)
    await cloud.browser.post(f"{music}/stream", "disable")
    table = (await cloud.dynamodb.DescribeTable(TableName="music"))["Table"]
    assert "StreamSpecification" not in table or not table["StreamSpecification"]["StreamEnabled"]


async def test_time_to_live_is_turned_on_and_off(cloud, music):
    await cloud.browser.post(f"{music}/stream", "ttl", attribute="gone_at", enabled="true")
    ttl = (await cloud.dynamodb.DescribeTimeToLive(TableName="music"))["TimeToLiveDescription"]
    assert ttl["AttributeName"] == "gone_at"
    await cloud.advance(3_600_000)
    await cloud.browser.post(f"{music}/stream", "ttl", attribute="gone_at", enabled="false")
    ttl = (await cloud.dynamodb.DescribeTimeToLive(TableName="music"))["TimeToLiveDescription"]
    assert ttl["TimeToLiveStatus"] in ("DISABLING", "DISABLED")


async def test_backups_are_made_restored_and_deleted(cloud, music):
    await cloud.dynamodb.PutItem(TableName="music", Item=ITEM)
    await cloud.browser.post(f"{music}/backups", "create", name="before")
    await cloud.advance(60_000)
    (backup,) = (await cloud.dynamodb.ListBackups())["BackupSummaries"]
    assert "before music AVAILABLE" in (await cloud.browser.get("dynamodb/backups")).text
    await cloud.browser.post("dynamodb/backups", "restore", arn=backup["BackupArn"], target="again")
    await cloud.advance(600_000)
    assert (await cloud.dynamodb.Scan(TableName="again"))["Items"] == [ITEM]
    named = {"arn": backup["BackupArn"], "name": "before"}
    await cloud.browser.post("dynamodb/backups", "delete", typed_name="before", **named)
    assert (await cloud.dynamodb.ListBackups())["BackupSummaries"] == []


async def test_a_table_is_restored_to_a_moment(cloud, music):
    await cloud.browser.post(f"{music}/backups", "recovery", enabled="true")
    await cloud.dynamodb.PutItem(TableName="music", Item=ITEM)
    await cloud.advance(600_000)
    assert "ENABLED" in (await cloud.browser.get(f"{music}/backups")).text
    seen = await cloud.browser.post(f"{music}/backups", "restore", target="then", time="soon")
    assert "Write the time as" in seen.text
    await cloud.browser.post(f"{music}/backups", "restore", target="then", time="2026-01-01 00:05:00")
    await cloud.advance(600_000)
    assert (await cloud.dynamodb.Scan(TableName="then"))["Items"] == [ITEM]


async def test_settings(cloud, music):
    arn = (await cloud.dynamodb.DescribeTable(TableName="music"))["Table"]["TableArn"]
    await cloud.browser.post(f"{music}/settings", "protection", enabled="true")
    refused = await cloud.browser.post(f"{music}/settings", "tag", key="aws:team", value="core")
    assert refused.status == 400  # such tags are the cloud's own
    await cloud.browser.post(f"{music}/settings", "tag", key="team", value="core")
    await cloud.browser.post(f"{music}/settings", "capacity", billing="PROVISIONED", read="3", write="4")
    await cloud.advance(600_000)
    table = (await cloud.dynamodb.DescribeTable(TableName="music"))["Table"]
    assert table["DeletionProtectionEnabled"] is True
    assert table["ProvisionedThroughput"]["WriteCapacityUnits"] == 4
    page = await cloud.browser.get(f"{music}/settings")
    assert "team core Remove" in page.text
    await cloud.browser.post(f"{music}/settings", "untag", key="team")
    assert (await cloud.dynamodb.ListTagsOfResource(ResourceArn=arn))["Tags"] == []
    policy = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "000000000000"}, '
        '"Action": "dynamodb:GetItem", "Resource": "' + arn + '"}]}'
    )
    seen = await cloud.browser.post(f"{music}/settings", "policy", policy=policy)
    assert "The policy is in force." in seen.text
    assert "dynamodb:GetItem" in (await cloud.dynamodb.GetResourcePolicy(ResourceArn=arn))["Policy"]
    seen = await cloud.browser.post(f"{music}/settings", "policy", policy="{")
    assert seen.status == 400
    seen = await cloud.browser.post(f"{music}/settings", "capacity", billing="PROVISIONED", read="many", write="4")
    assert "The read capacity must be a whole number." in seen.text


async def test_insights_are_enabled_and_lead_to_their_reports(cloud, music):
    page = await cloud.browser.get(f"{music}/insights")
    assert "the table" in page.text
    assert "DISABLED" in page.text
    await cloud.browser.post(f"{music}/insights", "enable", index="", mode="ACCESSED_AND_THROTTLED_KEYS")
    await cloud.settle()
    page = await cloud.browser.get(f"{music}/insights")
    assert "accessed and throttled keys" in page.text
    report = await cloud.browser.follow(page, "-PKC-")
    assert "ConsumedThroughputUnits by PartitionKey" in report.text
    await cloud.browser.post(f"{music}/insights", "disable", index="")
    await cloud.settle()
    assert "DISABLED" in (await cloud.browser.get(f"{music}/insights")).text


async def test_who_may_not_sees_why_and_changes_nothing(cloud, music):
    await cloud.visit_as("reader", "dynamodb:ListTables", "dynamodb:DescribeTable")
    assert "music" in (await cloud.browser.get("dynamodb/tables")).text
    denied = "reader is not authorized to perform: dynamodb:"
    assert f"{denied}Scan" in (await cloud.browser.get(f"{music}/items")).text
    refused = await cloud.browser.post(music, "delete", typed_name="music")
    assert (refused.status, f"{denied}DeleteTable" in refused.text) == (403, True)
    assert (await cloud.dynamodb.DescribeTable(TableName="music"))["Table"]["TableStatus"] == "ACTIVE"
