"""AWS::Lambda::EventSourceMapping, and SAM's SQS event, in stacks."""

import json

import pytest

from pileus.services.lambda_.tests.material import ECHO, allow

FUNCTION = {
    "Type": "AWS::Lambda::Function",
    "Properties": {
        "Code": {"ZipFile": ECHO},
        "Handler": "index.handler",
        "Runtime": "python3.11",
        "Role": {"Ref": "Role"},
    },
}


@pytest.fixture
async def polling_role(cloud, role):
    await cloud.iam.PutRolePolicy(
        RoleName="runs-functions",
        PolicyName="polling",
        PolicyDocument=allow("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    )
    return role


def template(*, queue="Queue", **properties):
    mapping = {"EventSourceArn": {"Fn::GetAtt": [queue, "Arn"]}, "FunctionName": {"Ref": "F"}} | properties
    return json.dumps(
        {
            "Parameters": {"Role": {"Type": "String"}},
            "Resources": {
                "Queue": {"Type": "AWS::SQS::Queue"},
                "Other": {"Type": "AWS::SQS::Queue"},
                "F": FUNCTION,
                "Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping},
            },
            "Outputs": {
                "Id": {"Value": {"Ref": "Mapping"}},
                "Arn": {"Value": {"Fn::GetAtt": ["Mapping", "EventSourceMappingArn"]}},
                "Url": {"Value": {"Ref": "Queue"}},
            },
        }
    )


async def settled(cloud):
    """(status, outputs)"""
    await cloud.settle()
    await cloud.advance(60_000)
    stack = (await cloud.cloudformation.DescribeStacks(StackName="app"))["Stacks"][0]
    if stack["StackStatus"].endswith(("IN_PROGRESS", "FAILED", "ROLLBACK_COMPLETE")):
        events = (await cloud.cloudformation.DescribeStackEvents(StackName="app"))["StackEvents"]
        pytest.fail(str([each for each in events if each["ResourceStatus"].endswith("FAILED")]))
    return stack["StackStatus"], {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


async def test_a_mapping_lives_with_its_stack(cloud, polling_role):
    parameters = [{"ParameterKey": "Role", "ParameterValue": polling_role}]

    async def update(**properties):
        body = template(**properties)
        await cloud.cloudformation.UpdateStack(StackName="app", TemplateBody=body, Parameters=parameters)
        return await settled(cloud)

    tags = [{"Key": "team", "Value": "blue"}]
    body = template(BatchSize=4, FunctionResponseTypes=["ReportBatchItemFailures"], Tags=tags)
    await cloud.cloudformation.CreateStack(StackName="app", TemplateBody=body, Parameters=parameters)
    status, first = await settled(cloud)
    assert status == "CREATE_COMPLETE"
    made = await cloud.lambda_.GetEventSourceMapping(UUID=first["Id"])
    assert (made["State"], made["BatchSize"]) == ("Enabled", 4)
    assert made["EventSourceMappingArn"] == first["Arn"]
    all_tags = (await cloud.lambda_.ListTags(Resource=first["Arn"]))["Tags"]
    assert all_tags["team"] == "blue"
    assert all_tags["aws:cloudformation:logical-id"] == "Mapping"

    status, second = await update(Enabled=False, ScalingConfig={"MaximumConcurrency": 5})
    assert (status, second["Id"]) == ("UPDATE_COMPLETE", first["Id"])
    made = await cloud.lambda_.GetEventSourceMapping(UUID=first["Id"])
    assert (made["State"], made["BatchSize"], made["FunctionResponseTypes"]) == ("Disabled", 10, [])
    assert made["ScalingConfig"] == {"MaximumConcurrency": 5}
    assert "team" not in (await cloud.lambda_.ListTags(Resource=first["Arn"]))["Tags"]

    status, third = await update(queue="Other")
    assert third["Id"] != first["Id"]
    listed = (await cloud.lambda_.ListEventSourceMappings())["EventSourceMappings"]
    assert [each["UUID"] for each in listed] == [third["Id"]]

    await cloud.cloudformation.DeleteStack(StackName="app")
    await cloud.settle()
    await cloud.advance(60_000)
    assert (await cloud.lambda_.ListEventSourceMappings())["EventSourceMappings"] == []


async def test_a_mapping_is_not_replaced_by_itself(cloud, role):
    """Another starting position is another mapping, and of one source and function there is one."""
    actions = ("GetRecords", "GetShardIterator", "DescribeStream", "ListStreams")
    policy = allow(*(f"dynamodb:{action}" for action in actions))
    await cloud.iam.PutRolePolicy(RoleName="runs-functions", PolicyName="polling", PolicyDocument=policy)
    table = {
        "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamViewType": "KEYS_ONLY"},
    }

    def body(position):
        mapping = {
            "EventSourceArn": {"Fn::GetAtt": ["Table", "StreamArn"]},
            "FunctionName": {"Ref": "F"},
            "StartingPosition": position,
        }
        resources = {
            "Table": {"Type": "AWS::DynamoDB::Table", "Properties": table},
            "F": FUNCTION,
            "Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping},
        }
        return json.dumps({"Parameters": {"Role": {"Type": "String"}}, "Resources": resources})

    parameters = [{"ParameterKey": "Role", "ParameterValue": role}]
    await cloud.cloudformation.CreateStack(StackName="app", TemplateBody=body("TRIM_HORIZON"), Parameters=parameters)
    assert (await settled(cloud))[0] == "CREATE_COMPLETE"
    (before,) = (await cloud.lambda_.ListEventSourceMappings())["EventSourceMappings"]
    await cloud.cloudformation.UpdateStack(StackName="app", TemplateBody=body("LATEST"), Parameters=parameters)
    await cloud.settle()
    await cloud.advance(60_000)
    (stack,) = (await cloud.cloudformation.DescribeStacks(StackName="app"))["Stacks"]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    events = (await cloud.cloudformation.DescribeStackEvents(StackName="app"))["StackEvents"]
    (failed,) = [each for each in events if each["ResourceStatus"] == "UPDATE_FAILED"]
    assert f"Please update or delete the existing mapping with UUID {before['UUID']}" in failed["ResourceStatusReason"]
    assert (await cloud.lambda_.ListEventSourceMappings())["EventSourceMappings"] == [before]


async def test_sams_sqs_event_brings_the_mapping_and_the_permission(cloud):
    body = json.dumps(
        {
            "Transform": "AWS::Serverless-2016-10-31",
            "Resources": {
                "Queue": {"Type": "AWS::SQS::Queue"},
                "F": {
                    "Type": "AWS::Serverless::Function",
                    "Properties": {
                        "InlineCode": ECHO,
                        "Handler": "index.handler",
                        "Runtime": "python3.11",
                        "Events": {
                            "Jobs": {
                                "Type": "SQS",
                                "Properties": {
                                    "Queue": {"Fn::GetAtt": ["Queue", "Arn"]},
                                    "BatchSize": 5,
                                    "FilterCriteria": {"Filters": [{"Pattern": '{"body": ["wanted"]}'}]},
                                    "FunctionResponseTypes": ["ReportBatchItemFailures"],
                                    "ScalingConfig": {"MaximumConcurrency": 2},
                                },
                            }
                        },
                    },
                },
            },
            "Outputs": {"Url": {"Value": {"Ref": "Queue"}}},
        }
    )
    await cloud.cloudformation.CreateStack(
        StackName="app", TemplateBody=body, Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    )
    status, outputs = await settled(cloud)
    assert status == "CREATE_COMPLETE"
    (mapping,) = (await cloud.lambda_.ListEventSourceMappings())["EventSourceMappings"]
    assert (mapping["State"], mapping["BatchSize"]) == ("Enabled", 5)
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    await cloud.sqs.SendMessage(QueueUrl=outputs["Url"], MessageBody="other")
    await cloud.settle()
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = await cloud.sqs.GetQueueAttributes(QueueUrl=outputs["Url"], AttributeNames=names)
    assert set(found["Attributes"].values()) == {"0"}


async def test_sams_dynamodb_event_brings_the_mapping_and_both_permissions(cloud):
    """To read the stream, and to report to the queue what was given up."""
    table = {
        "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
    }
    settings = {
        "BatchSize": 7,
        "BisectBatchOnFunctionError": True,
        "FilterCriteria": {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "MaximumBatchingWindowInSeconds": 1,
        "MaximumRecordAgeInSeconds": 3600,
        "MaximumRetryAttempts": 2,
        "ParallelizationFactor": 3,
        "StartingPosition": "TRIM_HORIZON",
    }
    destination = {"OnFailure": {"Type": "SQS", "Destination": {"Fn::GetAtt": ["GivenUp", "Arn"]}}}
    event = {**settings, "Stream": {"Fn::GetAtt": ["Table", "StreamArn"]}, "DestinationConfig": destination}
    function = {
        "InlineCode": ECHO,
        "Handler": "index.handler",
        "Runtime": "python3.11",
        "AutoPublishAlias": "live",
        "Events": {"Changes": {"Type": "DynamoDB", "Properties": event}},
    }
    body = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            "Table": {"Type": "AWS::DynamoDB::Table", "Properties": table},
            "GivenUp": {"Type": "AWS::SQS::Queue"},
            "F": {"Type": "AWS::Serverless::Function", "Properties": function},
        },
        "Outputs": {"GivenUp": {"Value": {"Fn::GetAtt": ["GivenUp", "Arn"]}}},
    }
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    await cloud.cloudformation.CreateStack(StackName="app", TemplateBody=json.dumps(body), Capabilities=capabilities)
    status, outputs = await settled(cloud)
    assert status == "CREATE_COMPLETE"
    (mapping,) = (await cloud.lambda_.ListEventSourceMappings())["EventSourceMappings"]
    assert {key: mapping[key] for key in settings} == settings
    assert mapping["DestinationConfig"] == {"OnFailure": {"Destination": outputs["GivenUp"]}}
    assert mapping["FunctionArn"].endswith(":live")
    assert (mapping["State"], mapping["LastProcessingResult"]) == ("Enabled", "No records processed")
