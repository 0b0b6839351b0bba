"""Records, tables and quotas."""

import msgspec

from pileus.services.application_autoscaling import names
from pileus.services.application_autoscaling.errors import PolicyNotFound, TargetNotFound
from pileus.services.application_autoscaling.names import TargetKey
from pileus.services.application_autoscaling.tracking import Course, Tracking
from pileus.store.table import Index, Table
from pileus.store.transaction import Transaction

# Quotas. Source: Application Auto Scaling user guide, "Quotas for Application Auto Scaling".

TARGETS_MAX = 5_000
"""Of DynamoDB, in a region."""
POLICIES_PER_TARGET = 50
ACTIVITIES_KEPT_MS = 42 * 86_400_000
"""Six weeks. Source: API reference, DescribeScalingActivities."""

PENDING, IN_PROGRESS, SUCCESSFUL, FAILED = "Pending", "InProgress", "Successful", "Failed"
OVERRIDDEN = "Overridden"


class Target(msgspec.Struct, frozen=True):
    """
    id         of its ARN; one that is registered anew has another
    suspended  SuspendedState, as the API spells it
    """

    account: str
    region: str
    resource: str
    dimension: str
    id: str
    least: int
    most: int
    created_ms: int
    suspended: dict[str, bool]
    tags: dict[str, str] = {}

    @property
    def key(self) -> TargetKey:
        return TargetKey(self.account, self.region, self.resource, self.dimension)

    @property
    def arn(self) -> str:
        return names.target_arn(self.account, self.region, self.id)


class State(msgspec.Struct, frozen=True):
    """How a target gets on: apart from its row, as every minute changes it.

    decided_ms  the last minute about which was decided
    capacity    the last that was seen; 0 before
    activity    the scaling under way, the number of its row; 0: none
    changes     how many scalings there have been: who has looked at the capacity before can tell
    """

    account: str
    region: str
    resource: str
    dimension: str
    course: Course
    decided_ms: int = 0
    capacity: int = 0
    activity: int = 0
    changes: int = 0

    @property
    def key(self) -> TargetKey:
        return TargetKey(self.account, self.region, self.resource, self.dimension)


class ScalingPolicy(msgspec.Struct, frozen=True):
    """configuration: TargetTrackingScalingPolicyConfiguration, as the API spells it and it was given."""

    account: str
    region: str
    resource: str
    dimension: str
    name: str
    id: str
    alarm_ids: tuple[str, str]
    created_ms: int
    configuration: dict

    @property
    def key(self) -> TargetKey:
        return TargetKey(self.account, self.region, self.resource, self.dimension)

    @property
    def arn(self) -> str:
        return names.policy_arn(self.key, self.id, self.name)

    @property
    def metric(self) -> str:
        return self.configuration["PredefinedMetricSpecification"]["PredefinedMetricType"]

    def cause(self, *, is_out: bool) -> str:
        alarm = names.alarm_name(self.key, is_out=is_out, alarm_id=self.alarm_ids[0 if is_out else 1])
        return f"monitor alarm {alarm} in state ALARM triggered policy {self.name}"


class Activity(msgspec.Struct, frozen=True):
    """
    number  ascending; `id` is what the API shows
    had     the capacity before, of which `wanted` is to be made
    """

    account: str
    region: str
    number: int
    resource: str
    dimension: str
    id: str
    started_ms: int
    had: int
    wanted: int
    cause: str
    is_of_policy: bool
    status: str = PENDING
    message: str = ""
    ended_ms: int = 0

    @property
    def key(self) -> TargetKey:
        return TargetKey(self.account, self.region, self.resource, self.dimension)

    @property
    def is_over(self) -> bool:
        return self.status not in (PENDING, IN_PROGRESS)

    @property
    def description(self) -> str:
        return f"Setting {self.key.said} to {self.wanted}."


TARGETS = Table("application-autoscaling.targets", Target, key=lambda t: t.key, by_id=Index(lambda t: (t.id,)))
STATES = Table("application-autoscaling.states", State, key=lambda state: state.key)
POLICIES = Table("application-autoscaling.policies", ScalingPolicy, key=lambda policy: (*policy.key, policy.name))
ACTIVITIES = Table(
    "application-autoscaling.activities",
    Activity,
    key=lambda activity: (activity.account, activity.region, activity.number),
    by_resource=Index(lambda activity: (activity.account, activity.region, activity.resource, activity.number)),
)


def require_target(tx: Transaction, key: TargetKey) -> Target:
    """Raises TargetNotFound."""
    target = TARGETS.get(tx, *key)
    if target is None:
        raise TargetNotFound(key.resource, key.dimension)
    return target


def require_policy(tx: Transaction, key: TargetKey, name: str) -> ScalingPolicy:
    """Raises PolicyNotFound."""
    policy = POLICIES.get(tx, *key, name)
    if policy is None:
        raise PolicyNotFound(key.resource, key.dimension, name)
    return policy


def tracking_of(target: Target, policy: ScalingPolicy) -> Tracking:
    """DynamoDB's cooldowns are 0 by default. Source: user guide, "Define cooldown periods"."""
    said = policy.configuration
    return Tracking(
        said["TargetValue"],
        target.least,
        target.most,
        out_cooldown_s=said.get("ScaleOutCooldown") or 0,
        in_cooldown_s=said.get("ScaleInCooldown") or 0,
        scales_out=not target.suspended["DynamicScalingOutSuspended"],
        scales_in=not (target.suspended["DynamicScalingInSuspended"] or said.get("DisableScaleIn")),
    )
