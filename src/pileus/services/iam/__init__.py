"""Identity and Access Management: who there is in an account, and what each may do."""

from pileus.kernel.service import Service
from pileus.services.iam import authorize, documents, effective, errors, operations, usage

SERVICE = Service(
    "iam",
    operations.MODULES,
    authorize,
    resources="pileus.services.iam.resources",
    start=usage.start,
    stop=usage.stop,
    violation=errors.violation,
    credentials=effective.credentials,
    key_used=usage.key_used,
    policies=effective.policies,
    strangers=documents.strangers,
    partial={
        "CreateServiceLinkedRole": "the permissions that AWS attaches; services that have none here",
        "ListPolicies": "lists those of AWS's policies that are carried",
        "GetPolicyVersion": "default versions only of AWS's policies",
    },
)
