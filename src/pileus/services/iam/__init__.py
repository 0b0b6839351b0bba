"""Identity and Access Management: who there is in an account, and what each may do."""

from pileus.kernel.service import Service
from pileus.services.iam import authorize, documents, effective, errors, operations, usage
from pileus.services.iam.operations import simulation

NAMING_A_POLICY = (
    "AttachGroupPolicy",
    "AttachRolePolicy",
    "AttachUserPolicy",
    "CreateRole",
    "CreateUser",
    "GetPolicy",
    "GetPolicyVersion",
    "ListEntitiesForPolicy",
    "ListPolicyTags",
    "ListPolicyVersions",
    "PutRolePermissionsBoundary",
    "PutUserPermissionsBoundary",
)

SERVICE = Service(
    "iam",
    operations.MODULES,
    authorize,
    resources="pileus.services.iam.resources",
    console="pileus.services.iam.console",
    start=usage.start,
    stop=usage.stop,
    violation=errors.violation,
    credentials=effective.credentials,
    key_used=usage.key_used,
    policies=effective.policies,
    strangers=documents.strangers,
    refuses={
        **dict.fromkeys(NAMING_A_POLICY, ("the AWS managed policy that is not among those carried here",)),
        "CreateServiceLinkedRole": ("the service-linked role of a service that has none here",),
        "SimulateCustomPolicy": simulation.NOT_HONOURED,
        "SimulatePrincipalPolicy": ("PolicyExclusionList", *simulation.NOT_HONOURED),
    },
    lacks={
        "CreateServiceLinkedRole": ("the permissions that AWS attaches, where no service here acts as the role",),
        "GetPolicyVersion": ("AWS managed policies have their default version only",),
        "ListPolicies": ("of AWS's policies, those carried here",),
    },
)
