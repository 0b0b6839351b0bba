"""The SAM transform on templates that use what serverless applications use: that each feature comes out as resources."""

import pytest

from pileus.kernel.errors import NotImplementedByUs
from pileus.stacks.errors import TransformFailed, ValidationError
from pileus.stacks.graph import graph_of
from pileus.stacks.intrinsics import Pseudo, Scope
from pileus.stacks.references import check_references
from pileus.stacks.sam import Sam
from pileus.stacks.template import check_expanded, read
from pileus.stacks.transforms import Means, expand

SCOPE = Scope(Pseudo("000000000000", "us-east-1", "shop", "arn:stack"), parameters={"Stage": "live"})

HEAD = "Transform: AWS::Serverless-2016-10-31\n"


@pytest.fixture
async def sam():
    sam = Sam({"CompanyPolicy": "arn:aws:iam::aws:policy/CompanyPolicy"})
    yield sam
    await sam.close()


async def expanded(sam: Sam, text: str) -> dict:
    """The resources, after all checks of an expanded template: what SAM makes must pass them."""

    async def nothing(*_):
        raise AssertionError("not to be called")

    template = await expand(read(HEAD + text), SCOPE, Means(sam, nothing, nothing))
    check_expanded(template)
    check_references(template)
    graph_of(template, dict.fromkeys(template.conditions, True))
    return template.resources


def types(resources: dict) -> list[str]:
    return sorted({resource["Type"].removeprefix("AWS::") for resource in resources.values()})


EVENTS = """
Globals:
  Function:
    Runtime: python3.11
    Timeout: 30
    MemorySize: 256
    Tracing: Active
    Architectures: [arm64]
    Environment: {Variables: {STAGE: !Ref Stage}}
  Api:
    Cors: "'*'"
Parameters:
  Stage: {Type: String}
Resources:
  Bucket: {Type: AWS::S3::Bucket}
  Jobs: {Type: AWS::SQS::Queue}
  Dead: {Type: AWS::SQS::Queue}
  Topic: {Type: AWS::SNS::Topic}
  Stream: {Type: AWS::Kinesis::Stream}
  Table:
    Type: AWS::Serverless::SimpleTable
    Properties: {PrimaryKey: {Name: id, Type: String}}
  Layer:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: s3://code/layer.zip, CompatibleRuntimes: [python3.11], RetentionPolicy: Delete}
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      CodeUri: {Bucket: code, Key: function.zip}
      AutoPublishAlias: live
      Layers: [!Ref Layer]
      DeadLetterQueue: {Type: SQS, TargetArn: !GetAtt Dead.Arn}
      ReservedConcurrentExecutions: 5
      EphemeralStorage: {Size: 1024}
      FunctionUrlConfig: {AuthType: NONE}
      Policies:
        - AmazonS3FullAccess
        - CompanyPolicy
        - S3ReadPolicy: {BucketName: !Sub "${AWS::StackName}-uploads"}
        - DynamoDBCrudPolicy: {TableName: !Ref Table}
        - SQSSendMessagePolicy: {QueueName: !GetAtt Jobs.QueueName}
        - KinesisStreamReadPolicy: {StreamName: !Ref Stream}
        - Statement: [{Effect: Allow, Action: "ses:*", Resource: "*"}]
      Events:
        Upload:
          Type: S3
          Properties: {Bucket: !Ref Bucket, Events: "s3:ObjectCreated:*", Filter: {S3Key: {Rules: [{Name: suffix, Value: .txt}]}}}
        Job: {Type: SQS, Properties: {Queue: !GetAtt Jobs.Arn, BatchSize: 5}}
        Row: {Type: DynamoDB, Properties: {Stream: arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/1, StartingPosition: LATEST}}
        Record: {Type: Kinesis, Properties: {Stream: !GetAtt Stream.Arn, StartingPosition: LATEST}}
        Note: {Type: SNS, Properties: {Topic: !Ref Topic}}
        Hourly: {Type: Schedule, Properties: {Schedule: rate(1 hour), Input: '{"a": 1}'}}
        Rule: {Type: EventBridgeRule, Properties: {Pattern: {source: [app]}}}
        Get: {Type: Api, Properties: {Path: "/things/{id}", Method: get}}
        Http: {Type: HttpApi, Properties: {Path: /things, Method: post}}
"""


async def test_a_function_with_every_kind_of_event(sam):
    resources = await expanded(sam, EVENTS)
    assert types(resources) == [
        "ApiGateway::Deployment",
        "ApiGateway::RestApi",
        "ApiGateway::Stage",
        "ApiGatewayV2::Api",
        "ApiGatewayV2::Stage",
        "DynamoDB::Table",
        "Events::Rule",
        "IAM::Role",
        "Kinesis::Stream",
        "Lambda::Alias",
        "Lambda::EventSourceMapping",
        "Lambda::Function",
        "Lambda::LayerVersion",
        "Lambda::Permission",
        "Lambda::Url",
        "Lambda::Version",
        "S3::Bucket",
        "SNS::Subscription",
        "SNS::Topic",
        "SQS::Queue",
    ]
    function = resources["Function"]["Properties"]
    assert function["Code"] == {"S3Bucket": "code", "S3Key": "function.zip"}
    assert (function["Timeout"], function["MemorySize"], function["TracingConfig"]) == (30, 256, {"Mode": "Active"})
    assert function["Environment"] == {"Variables": {"STAGE": {"Ref": "Stage"}}}
    configuration = resources["Bucket"]["Properties"]["NotificationConfiguration"]["LambdaConfigurations"]
    # The bucket's event goes to the alias, not to $LATEST.
    assert configuration[0]["Function"] == {"Ref": "FunctionAliaslive"}
    mappings = [r["Properties"] for r in resources.values() if r["Type"] == "AWS::Lambda::EventSourceMapping"]
    assert all(mapping["FunctionName"] == {"Ref": "FunctionAliaslive"} for mapping in mappings) and len(mappings) == 3


async def test_policies_are_templates_names_and_statements(sam):
    role = (await expanded(sam, EVENTS))["FunctionRole"]["Properties"]
    managed = role["ManagedPolicyArns"]
    assert "arn:aws:iam::aws:policy/AmazonS3FullAccess" in managed
    assert "arn:aws:iam::aws:policy/CompanyPolicy" in managed
    assert "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole" in managed
    actions = str([policy["PolicyDocument"] for policy in role["Policies"]])
    for action in ("s3:GetObject", "dynamodb:PutItem", "sqs:SendMessage", "kinesis:GetRecords", "ses:*"):
        assert action in actions


async def test_a_state_machine_with_events_and_substitutions(sam):
    resources = await expanded(
        sam,
        """
Resources:
  Work: {Type: AWS::Serverless::Function, Properties: {Handler: a.b, Runtime: nodejs20.x, InlineCode: "exports.b = 1"}}
  Flow:
    Type: AWS::Serverless::StateMachine
    Properties:
      Type: STANDARD
      DefinitionUri: s3://code/flow.json
      DefinitionSubstitutions: {WorkArn: !GetAtt Work.Arn}
      Policies: [{LambdaInvokePolicy: {FunctionName: !Ref Work}}]
      Events:
        Daily: {Type: Schedule, Properties: {Schedule: cron(0 8 * * ? *)}}
        Bus: {Type: EventBridgeRule, Properties: {Pattern: {source: [app]}}}
""",
    )
    flow = resources["Flow"]["Properties"]
    assert flow["DefinitionS3Location"] == {"Bucket": "code", "Key": "flow.json"}
    assert flow["DefinitionSubstitutions"] == {"WorkArn": {"Fn::GetAtt": ["Work", "Arn"]}}
    assert resources["Work"]["Properties"]["Code"] == {"ZipFile": "exports.b = 1"}
    assert [r["Type"] for r in resources.values()].count("AWS::Events::Rule") == 2


async def test_an_api_with_a_body_of_its_own(sam):
    resources = await expanded(
        sam,
        """
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: prod
      EndpointConfiguration: {Type: REGIONAL}
      TracingEnabled: true
      Auth: {ApiKeyRequired: true, UsagePlan: {CreateUsagePlan: PER_API}}
      DefinitionBody: {openapi: 3.0.1, paths: {/x: {get: {responses: {}}}}}
""",
    )
    assert types(resources) == [
        "ApiGateway::ApiKey",
        "ApiGateway::Deployment",
        "ApiGateway::RestApi",
        "ApiGateway::Stage",
        "ApiGateway::UsagePlan",
        "ApiGateway::UsagePlanKey",
    ]


async def test_a_condition_and_a_deletion_policy_go_with_what_is_made(sam):
    resources = await expanded(
        sam,
        """
Conditions: {Always: !Equals [a, a]}
Resources:
  F:
    Type: AWS::Serverless::Function
    Condition: Always
    DeletionPolicy: Retain
    Properties: {Handler: a.b, Runtime: python3.11, CodeUri: s3://code/key}
""",
    )
    assert resources["F"]["Condition"] == resources["FRole"]["Condition"] == "Always"
    assert resources["F"]["DeletionPolicy"] == "Retain"


async def test_what_is_wrong_is_listed_in_aws_words(sam):
    with pytest.raises(TransformFailed) as raised:
        await expanded(
            sam,
            """
Resources:
  F: {Type: AWS::Serverless::Function, Properties: {Handler: a.b, Runtime: python3.11, CodeUri: ./src}}
  G: {Type: AWS::Serverless::Function, Properties: {Nope: 1}}
""",
        )
    assert raised.value.message.startswith(
        "Transform AWS::Serverless-2016-10-31 failed with: Invalid Serverless Application Specification document. "
        "Number of errors found: 2. Resource with id [F] is invalid. 'CodeUri' is not a valid S3 Uri"
    )
    assert "Resource with id [G] is invalid." in raised.value.message


async def test_the_public_repository_is_refused_by_name(sam):
    with pytest.raises(NotImplementedByUs, match="Serverless Application Repository"):
        await expanded(
            sam,
            "Resources: {A: {Type: AWS::Serverless::Application, Properties: {Location: {ApplicationId: a, SemanticVersion: 1.0.0}}}}",
        )


async def test_a_worker_that_died_is_replaced(sam):
    text = "Resources: {T: {Type: AWS::Serverless::SimpleTable}}"
    await expanded(sam, text)
    sam._process.kill()
    assert types(await expanded(sam, text)) == ["DynamoDB::Table"]


async def test_a_bucket_that_invokes_a_function_which_may_read_it_by_ref_is_a_cycle_as_on_aws(sam):
    with pytest.raises(ValidationError, match=r"Circular dependency between resources: \[Bucket, "):
        await expanded(sam, EVENTS.replace('!Sub "${AWS::StackName}-uploads"', "!Ref Bucket"))
