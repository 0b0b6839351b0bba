"""Which services have a service-linked role, and what each is called.

Source: the "Using service-linked roles" pages of the services' guides. A service that is not here is refused by name.
"""

import orjson

from pileus.kernel.errors import NotImplementedByUs
from pileus.services.iam.errors import InvalidInput

_PREFIX = "AWSServiceRoleFor"
_ROLES = {
    "apidestinations.events.amazonaws.com": "AmazonEventBridgeApiDestinations",
    "autoscaling.amazonaws.com": "AutoScaling",
    "backup.amazonaws.com": "Backup",
    "batch.amazonaws.com": "Batch",
    "cloudtrail.amazonaws.com": "CloudTrail",
    "config.amazonaws.com": "Config",
    "contributorinsights.dynamodb.amazonaws.com": "DynamoDBCloudWatchContributorInsights",
    "delivery.logs.amazonaws.com": "LogDelivery",
    "dynamodb.application-autoscaling.amazonaws.com": "ApplicationAutoScaling_DynamoDBTable",
    "ecs.amazonaws.com": "ECS",
    "ecs.application-autoscaling.amazonaws.com": "ApplicationAutoScaling_ECSService",
    "eks.amazonaws.com": "AmazonEKS",
    "elasticache.amazonaws.com": "ElastiCache",
    "elasticfilesystem.amazonaws.com": "AmazonElasticFileSystem",
    "elasticloadbalancing.amazonaws.com": "ElasticLoadBalancing",
    "email.cognito-idp.amazonaws.com": "AmazonCognitoIdpEmailService",
    "events.amazonaws.com": "CloudWatchEvents",
    "guardduty.amazonaws.com": "AmazonGuardDuty",
    "kafka.amazonaws.com": "Kafka",
    "kinesisreplication.dynamodb.amazonaws.com": "DynamoDBKinesisDataStreamsReplication",
    "lambda.application-autoscaling.amazonaws.com": "ApplicationAutoScaling_LambdaConcurrency",
    "mq.amazonaws.com": "AmazonMQ",
    "opensearchservice.amazonaws.com": "AmazonOpenSearchService",
    "ops.apigateway.amazonaws.com": "APIGateway",
    "organizations.amazonaws.com": "Organizations",
    "rds.amazonaws.com": "RDS",
    "redshift.amazonaws.com": "Redshift",
    "replication.dynamodb.amazonaws.com": "DynamoDBReplication",
    "replicator.lambda.amazonaws.com": "LambdaReplicator",
    "spot.amazonaws.com": "EC2Spot",
    "spotfleet.amazonaws.com": "EC2SpotFleet",
    "ssm.amazonaws.com": "AmazonSSM",
}
_WITH_SUFFIX = {"autoscaling.amazonaws.com"}
_POLICIES = {
    "contributorinsights.dynamodb.amazonaws.com": "DynamoDBCloudWatchContributorInsightsServiceRolePolicy",
    "dynamodb.application-autoscaling.amazonaws.com": "AWSApplicationAutoscalingDynamoDBTablePolicy",
    "replication.dynamodb.amazonaws.com": "DynamoDBReplicationServiceRolePolicy",
}
"""The policies of the roles that Pileus's own services act as; those of the others are nobody's to use here."""


def role_name(service: str, suffix: str) -> str:
    """raises NotImplementedByUs, and InvalidInput where the service takes no suffix"""
    if service not in _ROLES:
        raise NotImplementedByUs(f"the service-linked role of {service}")
    if suffix and service not in _WITH_SUFFIX:
        raise InvalidInput(f"Custom suffix is not allowed for {service}")
    return _PREFIX + _ROLES[service] + (f"_{suffix}" if suffix else "")


def policies(service: str, partition: str) -> tuple[str, ...]:
    """ARNs of the managed policies that the role is made with."""
    name = _POLICIES.get(service)
    return () if name is None else (f"arn:{partition}:iam::aws:policy/aws-service-role/{name}",)


def trust_policy(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return orjson.dumps({"Version": "2012-10-17", "Statement": [statement]}).decode()
