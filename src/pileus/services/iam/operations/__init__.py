"""IAM's operations, by the chapters of its user guide."""

from pileus.services.iam.operations import (
    access_keys,
    account,
    attached_policies,
    boundaries,
    groups,
    inline_policies,
    instance_profiles,
    mfa,
    policies,
    roles,
    service_linked_roles,
    simulation,
    users,
)

MODULES = (
    users,
    access_keys,
    mfa,
    groups,
    roles,
    service_linked_roles,
    boundaries,
    inline_policies,
    attached_policies,
    policies,
    instance_profiles,
    account,
    simulation,
)
