"""The CloudFormation types of IAM. Source: CloudFormation template reference, "AWS Identity and Access Management"."""

from pileus.services.iam.resources.access_keys import AccessKey
from pileus.services.iam.resources.identities import Group, Role, User, UserToGroupAddition
from pileus.services.iam.resources.instance_profiles import InstanceProfile, ServiceLinkedRole
from pileus.services.iam.resources.policies import GroupPolicy, ManagedPolicy, Policy, RolePolicy, UserPolicy

RESOURCE_TYPES = [
    AccessKey,
    Group,
    GroupPolicy,
    InstanceProfile,
    ManagedPolicy,
    Policy,
    Role,
    RolePolicy,
    ServiceLinkedRole,
    User,
    UserPolicy,
    UserToGroupAddition,
]
