"""A custom resource whose function is in the template, answering as AWS's documentation shows it."""

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Tools

pytestmark = pytest.mark.timeout(180)

TEMPLATE = """
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}
      ManagedPolicyArns:
        - !Sub arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole
  Maker:
    Type: AWS::Lambda::Function
    Properties:
      Handler: index.handler
      Runtime: python3.11
      Role: !GetAtt Role.Arn
      Timeout: 20
      Code:
        ZipFile: |
          import cfnresponse

          def handler(event, context):
              words = event["ResourceProperties"]["Words"]
              cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Joined": "-".join(words)}, "the-words")
  Words:
    Type: Custom::Words
    Properties:
      ServiceToken: !GetAtt Maker.Arn
      Words: [a, b, c]
Outputs:
  Joined:
    Value: !GetAtt Words.Joined
"""


def test_inline_code_answers_a_custom_resource(tools: Tools, tmp_path: Path):
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    tools(
        *("aws", "cloudformation", "deploy", "--template-file", "template.yaml", "--stack-name", "words"),
        *("--capabilities", "CAPABILITY_IAM"),
        cwd=tmp_path,
    )
    described = json.loads(tools("aws", "cloudformation", "describe-stacks", "--stack-name", "words"))
    assert described["Stacks"][0]["Outputs"] == [{"OutputKey": "Joined", "OutputValue": "a-b-c"}]
    tools("aws", "cloudformation", "delete-stack", "--stack-name", "words")
    tools("aws", "cloudformation", "wait", "stack-delete-complete", "--stack-name", "words")
