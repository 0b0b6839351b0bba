"""Scalable targets and their policies."""

from collections.abc import Iterator
from itertools import islice

from msgspec.structs import replace

from pileus.kernel.tags import MAX_TAGS
from pileus.services.application_autoscaling import errors
from pileus.services.application_autoscaling.names import TargetKey
from pileus.services.application_autoscaling.state.scaling import KEEP_RANGE, rest
from pileus.services.application_autoscaling.state.tables import (
    POLICIES,
    POLICIES_PER_TARGET,
    STATES,
    TARGETS,
    TARGETS_MAX,
    ScalingPolicy,
    State,
    Target,
    require_policy,
    require_target,
)
from pileus.services.application_autoscaling.tracking import MINUTE_MS, Course
from pileus.store.transaction import Transaction

LEAST = 1
"""What a table can do with. Source: DynamoDB API reference, ProvisionedThroughput."""

_ID_DIGITS = 36
_SUSPENSIONS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


def register(
    tx: Transaction,
    key: TargetKey,
    *,
    least: int | None,
    most: int | None,
    suspended: dict[str, bool],
    tags: dict[str, str] | None,
) -> Target:
    """Make the target, or change of it what is given. That the capacity lies within its range is seen to afterwards."""
    target = TARGETS.get(tx, *key)
    if target is None:
        target = _new(tx, key, least, most, tags or {})
    elif tags:
        raise errors.ValidationException(
            "The scalable target that you tried to tag is already registered. Use the TagResource API to tag it."
        )
    target = replace(
        target,
        least=target.least if least is None else least,
        most=target.most if most is None else most,
        suspended=target.suspended | suspended,
    )
    if target.least < LEAST:
        raise errors.ValidationException(f"Minimum capacity cannot be less than {LEAST} for {key.dimension}")
    if target.most < target.least:
        raise errors.ValidationException("Maximum capacity cannot be less than minimum capacity")
    TARGETS.put(tx, target)
    tx.emit(KEEP_RANGE, {"key": list(key)})
    rest(tx, STATES.get(tx, *key))
    return target


def _new(tx: Transaction, key: TargetKey, least: int | None, most: int | None, tags: dict[str, str]) -> Target:
    if least is None or most is None:
        raise errors.ValidationException("Minimum and maximum capacity are required to register a new scalable target")
    if sum(1 for _ in islice(TARGETS.scan(tx, key.account, key.region), TARGETS_MAX)) >= TARGETS_MAX:
        raise errors.LimitExceededException(f"The limit of {TARGETS_MAX} scalable targets for dynamodb is reached.")
    STATES.put(tx, State(*key, Course(since_ms=tx.now_ms // MINUTE_MS * MINUTE_MS)))
    target_id = tx.ids.hex(_ID_DIGITS)
    return Target(*key, target_id, least, most, tx.now_ms, dict.fromkeys(_SUSPENSIONS, False), tags)


def deregister(tx: Transaction, key: TargetKey) -> None:
    """With its policies. What has been done stays told, and a scaling under way goes on."""
    require_target(tx, key)
    TARGETS.delete(tx, *key)
    STATES.delete(tx, *key)
    POLICIES.delete_all(tx, *key)


def find(
    tx: Transaction, account: str, region: str, *, resources: list[str], dimension: str, after: tuple | None
) -> Iterator[Target]:
    """By resource and dimension; of all resources where none is named."""
    for target in TARGETS.scan(tx, account, region, after=after):
        if (not resources or target.resource in resources) and dimension in ("", target.dimension):
            yield target


# Tags


def tag(tx: Transaction, arn: str, target_id: str, tags: dict[str, str]) -> None:
    target = _of_id(tx, arn, target_id)
    together = {**target.tags, **tags}
    if len(together) > MAX_TAGS:
        raise errors.TooManyTagsException(arn)
    TARGETS.put(tx, replace(target, tags=together))


def untag(tx: Transaction, arn: str, target_id: str, keys: list[str]) -> None:
    target = _of_id(tx, arn, target_id)
    TARGETS.put(tx, replace(target, tags={key: value for key, value in target.tags.items() if key not in keys}))


def tags_of(tx: Transaction, arn: str, target_id: str) -> dict[str, str]:
    return _of_id(tx, arn, target_id).tags


def _of_id(tx: Transaction, arn: str, target_id: str) -> Target:
    target = TARGETS.by_id.first(tx, target_id)
    if target is None or target.arn != arn:
        raise errors.ResourceNotFoundException(arn)
    return target


# Policies


def put_policy(
    tx: Transaction, key: TargetKey, name: str, configuration: dict | None, *, has_type: bool
) -> ScalingPolicy:
    """Make it, or change the one of its name. None: as it is. has_type: the request says which type it is."""
    require_target(tx, key)
    others = [policy for policy in POLICIES.scan(tx, *key) if policy.name != name]
    policy = POLICIES.get(tx, *key, name)
    if policy is None:
        if configuration is None or not has_type:
            raise errors.ValidationException("Policy type and configuration are required for a new scaling policy")
        if len(others) >= POLICIES_PER_TARGET:
            raise errors.LimitExceededException(f"The limit of {POLICIES_PER_TARGET} scaling policies is reached.")
        policy = ScalingPolicy(
            *key, name, tx.ids.uuid(), (tx.ids.uuid(), tx.ids.uuid()), tx.now_ms, configuration=configuration
        )
    elif configuration is not None:
        policy = replace(policy, configuration=configuration)
    if any(other.metric == policy.metric for other in others):
        raise errors.ValidationException(
            "Only one TargetTrackingScaling policy for a given metric specification is allowed."
        )
    POLICIES.put(tx, policy)
    rest(tx, STATES.get(tx, *key))
    return policy


def delete_policy(tx: Transaction, key: TargetKey, name: str) -> None:
    require_policy(tx, key, name)
    POLICIES.delete(tx, *key, name)


def find_policies(
    tx: Transaction,
    account: str,
    region: str,
    *,
    policy_names: list[str],
    resource: str,
    dimension: str,
    after: tuple | None,
) -> Iterator[ScalingPolicy]:
    for policy in POLICIES.scan(tx, account, region, after=after):
        if resource not in ("", policy.resource) or dimension not in ("", policy.dimension):
            continue
        if not policy_names or policy.name in policy_names or policy.arn in policy_names:
            yield policy
