"""AWS::Events::… in stacks, and SAM's events that are made of them."""

import json

import pytest

from pileus.services.events.tests.conftest import BUS_PATTERN

ECHO = "import json\ndef handler(event, context):\n    print('got', json.dumps(event))\n"
BUS = {"Type": "AWS::Events::EventBus", "Properties": {"Name": "shop", "Description": "d"}}


async def deploy(cloud, resources: dict, *, update: bool = False, fails: bool = False, sam: bool = False) -> list[dict]:
    """Bring the stack `app` to these resources; return its events' failures."""
    outputs = {f"{name}Ref": {"Value": {"Ref": name}} for name in resources}
    template = {"Resources": resources, "Outputs": outputs}
    if sam:
        template["Transform"] = "AWS::Serverless-2016-10-31"
    operation = cloud.cloudformation.UpdateStack if update else cloud.cloudformation.CreateStack
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    await operation(StackName="app", TemplateBody=json.dumps(template), Capabilities=capabilities)
    await cloud.settle()
    await cloud.advance(60_000)
    events = (await cloud.cloudformation.DescribeStackEvents(StackName="app"))["StackEvents"]
    failures = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
    assert bool(failures) == fails, failures
    return failures


async def delete(cloud) -> None:
    await cloud.cloudformation.DeleteStack(StackName="app")
    await cloud.settle()
    await cloud.advance(60_000)


async def ref(cloud, name: str) -> str:
    outputs = (await cloud.cloudformation.DescribeStacks(StackName="app"))["Stacks"][0]["Outputs"]
    return next(output["OutputValue"] for output in outputs if output["OutputKey"] == f"{name}Ref")


def rule(**properties) -> dict:
    return {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": json.loads(BUS_PATTERN), **properties}}


async def test_a_rule_lives_with_its_stack(cloud, listen, send):
    first, second = await listen("first"), await listen("second")
    one, two = {"Id": "1", "Arn": first.arn}, {"Id": "2", "Arn": second.arn, "InputPath": "$.detail"}
    await deploy(cloud, {"Rule": rule(Targets=[one], Tags=[{"Key": "team", "Value": "a"}])})
    name = await ref(cloud, "Rule")
    assert name.startswith("app-Rule-")
    shown = await cloud.events.DescribeRule(Name=name)
    tags = (await cloud.events.ListTagsForResource(ResourceARN=shown["Arn"]))["Tags"]
    assert {"team", "aws:cloudformation:stack-name"} <= {tag["Key"] for tag in tags}
    await send({"n": 1})
    assert (len(await first.heard()), await second.heard()) == (1, [])

    await deploy(cloud, {"Rule": rule(Targets=[two], Description="d")}, update=True)
    assert await ref(cloud, "Rule") == name
    await send({"n": 2})
    assert (await first.heard(), await second.heard()) == ([], [{"n": 2}])
    tags = (await cloud.events.ListTagsForResource(ResourceARN=shown["Arn"]))["Tags"]
    assert "team" not in {tag["Key"] for tag in tags}

    await deploy(cloud, {"Rule": rule(Name="named", State="DISABLED")}, update=True)
    assert [each["Name"] for each in (await cloud.events.ListRules())["Rules"]] == ["named"]
    await delete(cloud)
    assert (await cloud.events.ListRules())["Rules"] == []


async def test_a_bus_its_policy_and_its_rules_live_with_their_stack(cloud, listen, send):
    queue = await listen()
    own_rule = rule(Name="r", EventBusName={"Ref": "Bus"}, Targets=[{"Id": "1", "Arn": queue.arn}])
    allow = {"Effect": "Allow", "Principal": "*", "Action": "events:PutEvents", "Resource": {"Fn::GetAtt": "Bus.Arn"}}
    policy = {"EventBusName": {"Ref": "Bus"}, "StatementId": "all", "Statement": allow}
    other = {
        "EventBusName": {"Ref": "Bus"},
        "StatementId": "one",
        "Action": "events:PutEvents",
        "Principal": "111122223333",
    }
    resources = {
        "Bus": BUS,
        "Rule": own_rule,
        "All": {"Type": "AWS::Events::EventBusPolicy", "Properties": policy},
        "One": {"Type": "AWS::Events::EventBusPolicy", "Properties": other},
    }
    await deploy(cloud, resources)
    assert (await ref(cloud, "Bus"), await ref(cloud, "Rule")) == ("shop", "shop|r")
    await send(EventBusName="shop")
    assert len(await queue.heard()) == 1
    shown = await cloud.events.DescribeEventBus(Name="shop")
    assert {each["Sid"] for each in json.loads(shown["Policy"])["Statement"]} == {"all", "one"}

    del resources["All"]
    dead = f"arn:aws:sqs:us-east-1:{cloud.account}:dead"
    resources["Bus"] = {**BUS, "Properties": {"Name": "shop", "DeadLetterConfig": {"Arn": dead}}}
    await deploy(cloud, resources, update=True)
    shown = await cloud.events.DescribeEventBus(Name="shop")
    assert [each["Sid"] for each in json.loads(shown["Policy"])["Statement"]] == ["one"]
    assert (shown["DeadLetterConfig"], "Description" in shown) == ({"Arn": dead}, False)
    await delete(cloud)
    assert [bus["Name"] for bus in (await cloud.events.ListEventBuses())["EventBuses"]] == ["default"]


async def test_a_rule_or_a_bus_that_is_somebody_elses_fails_the_stack(cloud):
    await cloud.events.PutRule(Name="r", EventPattern=BUS_PATTERN)
    await cloud.events.CreateEventBus(Name="shop")
    failures = await deploy(cloud, {"Rule": rule(Name="r"), "Bus": BUS}, fails=True)
    assert any("already exists" in each.get("ResourceStatusReason", "") for each in failures)
    assert (await cloud.events.DescribeRule(Name="r"))["State"] == "ENABLED"


async def test_a_property_that_is_not_honoured_fails_the_stack_by_name(cloud):
    bus = {**BUS, "Properties": {"Name": "shop", "KmsKeyIdentifier": "alias/k"}}
    failures = await deploy(cloud, {"Bus": bus}, fails=True)
    assert any("KmsKeyIdentifier" in each.get("ResourceStatusReason", "") for each in failures)


@pytest.mark.parametrize(
    ("event", "detail_type"),
    [
        ({"Type": "EventBridgeRule", "Properties": {"Pattern": {"source": ["shop"]}}}, "Order"),
        ({"Type": "CloudWatchEvent", "Properties": {"Pattern": {"source": ["shop"]}, "InputPath": "$"}}, "Order"),
        ({"Type": "Schedule", "Properties": {"Schedule": "rate(1 minute)", "Name": "minutely"}}, "Scheduled Event"),
    ],
)
async def test_sams_events_invoke_the_function(cloud, send, event, detail_type):
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "FunctionName": "prints",
            "InlineCode": ECHO,
            "Handler": "index.handler",
            "Runtime": "python3.11",
            "Events": {"Told": event},
        },
    }
    await deploy(cloud, {"F": function}, sam=True)
    await send({"n": 1})
    await cloud.advance(60_000)
    found = await cloud.logs.FilterLogEvents(logGroupName="/aws/lambda/prints", filterPattern="got")
    told = [json.loads(each["message"].removeprefix("got ")) for each in found["events"]]
    assert told and {each["detail-type"] for each in told} == {detail_type}


async def test_a_bucket_of_a_template_tells_the_default_bus(cloud, listen):
    queue = await listen()
    bucket = {
        "Type": "AWS::S3::Bucket",
        "Properties": {
            "BucketName": "box",
            "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
        },
    }
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": ["box"]}}}
    await deploy(cloud, {"Box": bucket, "Rule": rule(EventPattern=pattern, Targets=[{"Id": "1", "Arn": queue.arn}])})
    await cloud.s3.PutObject(Bucket="box", Key="k", Body=b"1")
    (event,) = await queue.heard()
    assert event["detail"]["object"]["key"] == "k"
