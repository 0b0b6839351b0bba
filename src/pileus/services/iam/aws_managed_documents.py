"""Documents of the AWS managed policies that serverless templates name most, written out here.

Each grants what AWS describes the policy by (Lambda developer guide, "Defining Lambda function permissions with an
execution role"; the user guides of the services). AWS adds actions to its policies now and then, so what AWS grants
today may be more; nothing here grants what AWS does not describe. A policy that is not here is refused by name.
"""

_LOGS = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
_INTERFACES = ["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface"]
_TRACES = [
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:GetSamplingStatisticSummaries",
]


def _allow(*actions: str, on: str = "*") -> dict:
    return {"Effect": "Allow", "Action": list(actions), "Resource": on}


STATEMENTS: dict[str, list[dict]] = {
    "/AdministratorAccess": [_allow("*")],
    "/AWSDenyAll": [{"Effect": "Deny", "Action": ["*"], "Resource": "*"}],
    "/AWSStepFunctionsFullAccess": [_allow("states:*")],
    "/AWSXRayDaemonWriteAccess": [_allow(*_TRACES)],
    "/AWSXrayWriteOnlyAccess": [_allow(*_TRACES)],
    "/AmazonKinesisFullAccess": [_allow("kinesis:*")],
    "/AmazonKinesisReadOnlyAccess": [_allow("kinesis:Get*", "kinesis:List*", "kinesis:Describe*")],
    "/AmazonS3FullAccess": [_allow("s3:*", "s3-object-lambda:*")],
    "/AmazonS3ReadOnlyAccess": [
        _allow("s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*", "s3-object-lambda:List*")
    ],
    "/AmazonSESFullAccess": [_allow("ses:*")],
    "/AmazonSNSFullAccess": [_allow("sns:*")],
    "/AmazonSQSFullAccess": [_allow("sqs:*")],
    "/AmazonSQSReadOnlyAccess": [
        _allow(
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "sqs:ListDeadLetterSourceQueues",
            "sqs:ListMessageMoveTasks",
            "sqs:ListQueueTags",
            "sqs:ListQueues",
        )
    ],
    "/AmazonSSMReadOnlyAccess": [_allow("ssm:Describe*", "ssm:Get*", "ssm:List*")],
    "/CloudWatchLambdaInsightsExecutionRolePolicy": [
        _allow("logs:CreateLogGroup"),
        _allow("logs:CreateLogStream", "logs:PutLogEvents", on="arn:aws:logs:*:*:log-group:/aws/lambda-insights:*"),
    ],
    "/CloudWatchLogsFullAccess": [_allow("logs:*")],
    "/IAMReadOnlyAccess": [
        _allow(
            "iam:GenerateCredentialReport",
            "iam:GenerateServiceLastAccessedDetails",
            "iam:Get*",
            "iam:List*",
            "iam:SimulateCustomPolicy",
            "iam:SimulatePrincipalPolicy",
        )
    ],
    "/aws-service-role/AWSApplicationAutoscalingDynamoDBTablePolicy": [
        _allow(
            "dynamodb:DescribeTable",
            "dynamodb:UpdateTable",
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:DescribeAlarms",
            "cloudwatch:DeleteAlarms",
        )
    ],
    "/aws-service-role/DynamoDBCloudWatchContributorInsightsServiceRolePolicy": [
        _allow(
            "cloudwatch:DeleteInsightRules",
            "cloudwatch:PutInsightRule",
            on="arn:aws:cloudwatch:*:*:insight-rule/DynamoDBContributorInsights*",
        ),
        _allow("cloudwatch:DescribeInsightRules"),
    ],
    "/aws-service-role/DynamoDBReplicationServiceRolePolicy": [
        _allow(
            "dynamodb:DescribeTable",
            "dynamodb:UpdateTable",
            "application-autoscaling:RegisterScalableTarget",
            "application-autoscaling:DescribeScalableTargets",
            "application-autoscaling:DeregisterScalableTarget",
            "application-autoscaling:PutScalingPolicy",
            "application-autoscaling:DescribeScalingPolicies",
            "application-autoscaling:DeleteScalingPolicy",
        ),
        _allow("iam:CreateServiceLinkedRole")
        | {"Condition": {"StringEquals": {"iam:AWSServiceName": "dynamodb.application-autoscaling.amazonaws.com"}}},
    ],
    "/service-role/AWSLambdaBasicExecutionRole": [_allow(*_LOGS)],
    "/service-role/AWSLambdaDynamoDBExecutionRole": [
        _allow(
            "dynamodb:DescribeStream",
            "dynamodb:GetRecords",
            "dynamodb:GetShardIterator",
            "dynamodb:ListStreams",
            *_LOGS,
        )
    ],
    "/service-role/AWSLambdaKinesisExecutionRole": [
        _allow(
            "kinesis:DescribeStream",
            "kinesis:DescribeStreamSummary",
            "kinesis:GetRecords",
            "kinesis:GetShardIterator",
            "kinesis:ListShards",
            "kinesis:ListStreams",
            "kinesis:SubscribeToShard",
            *_LOGS,
        )
    ],
    "/service-role/AWSLambdaMSKExecutionRole": [
        _allow(
            "kafka:DescribeCluster",
            "kafka:DescribeClusterV2",
            "kafka:GetBootstrapBrokers",
            "ec2:DescribeVpcs",
            "ec2:DescribeSubnets",
            "ec2:DescribeSecurityGroups",
            *_INTERFACES,
            *_LOGS,
        )
    ],
    "/service-role/AWSLambdaRole": [_allow("lambda:InvokeFunction")],
    "/service-role/AWSLambdaSQSQueueExecutionRole": [
        _allow("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", *_LOGS)
    ],
    "/service-role/AWSLambdaVPCAccessExecutionRole": [
        _allow(
            *_LOGS,
            *_INTERFACES,
            "ec2:DescribeSubnets",
            "ec2:AssignPrivateIpAddresses",
            "ec2:UnassignPrivateIpAddresses",
        )
    ],
    "/service-role/AmazonAPIGatewayPushToCloudWatchLogs": [
        _allow(
            *_LOGS,
            "logs:DescribeLogGroups",
            "logs:DescribeLogStreams",
            "logs:GetLogEvents",
            "logs:FilterLogEvents",
        )
    ],
}
"""Path and name -> the policy's statements."""
