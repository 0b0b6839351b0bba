"""How a template spells a bucket's configurations and how S3's operations do, one beside the other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pileus.protocol.scalars import read_timestamp
from pileus.services.s3.state.buckets import BLOCKED
from pileus.services.s3.state.locks import ENABLED


@dataclass(frozen=True)
class Configuration:
    """
    property  in the template
    put       the operation that sets it; `to_api` gives its request without the bucket
    reset     bucket -> (operation, request): back to what a new bucket has
    get       the operation that reads it, where drift does; `from_api` turns its answer round
    missing   error codes by which `get` says that there is none
    """

    property: str
    put: str
    to_api: Callable[[Any], dict]
    reset: Callable[[str], tuple[str, dict]]
    get: str = ""
    from_api: Callable[[dict], Any] = lambda answer: None
    missing: tuple[str, ...] = ()


def _deleting(operation: str) -> Callable[[str], tuple[str, dict]]:
    return lambda bucket: (operation, {"Bucket": bucket})


def _putting(operation: str, request: dict) -> Callable[[str], tuple[str, dict]]:
    return lambda bucket: (operation, {"Bucket": bucket, **request})


def _under(member: str) -> Callable[[Any], dict]:
    return lambda value: {member: value}


def _encryption(value: dict) -> dict:
    rules = []
    for rule in value["ServerSideEncryptionConfiguration"]:
        out = {}
        if "ServerSideEncryptionByDefault" in rule:
            out["ApplyServerSideEncryptionByDefault"] = rule["ServerSideEncryptionByDefault"]
        for same in ("BlockedEncryptionTypes", "BucketKeyEnabled"):
            if same in rule:
                out[same] = rule[same]
        rules.append(out)
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def _cors(value: dict) -> dict:
    spelled = {"Id": "ID", "ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds"}
    rules = [{spelled.get(name, name): member for name, member in rule.items()} for rule in value["CorsRules"]]
    return {"CORSConfiguration": {"CORSRules": rules}}


# Lifecycle


def _lifecycle(value: dict) -> dict:
    request: dict[str, Any] = {"LifecycleConfiguration": {"Rules": [_lifecycle_rule(rule) for rule in value["Rules"]]}}
    if "TransitionDefaultMinimumObjectSize" in value:
        request["TransitionDefaultMinimumObjectSize"] = value["TransitionDefaultMinimumObjectSize"]
    return request


def _lifecycle_rule(rule: dict) -> dict:
    out: dict[str, Any] = {"Status": rule["Status"], "Filter": _filter(rule)}
    if "Id" in rule:
        out["ID"] = rule["Id"]
    expiration: dict[str, Any] = {}
    if "ExpirationInDays" in rule:
        expiration["Days"] = rule["ExpirationInDays"]
    if "ExpirationDate" in rule:
        expiration["Date"] = read_timestamp(rule["ExpirationDate"])
    if "ExpiredObjectDeleteMarker" in rule:
        expiration["ExpiredObjectDeleteMarker"] = rule["ExpiredObjectDeleteMarker"]
    if expiration:
        out["Expiration"] = expiration
    transitions = [*rule.get("Transitions", ()), *([rule["Transition"]] if "Transition" in rule else ())]
    if transitions:
        out["Transitions"] = [_transition(one) for one in transitions]
    if "NoncurrentVersionExpiration" in rule:
        out["NoncurrentVersionExpiration"] = rule["NoncurrentVersionExpiration"]
    elif "NoncurrentVersionExpirationInDays" in rule:
        out["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    noncurrent = [*rule.get("NoncurrentVersionTransitions", ())]
    noncurrent += [rule["NoncurrentVersionTransition"]] if "NoncurrentVersionTransition" in rule else []
    if noncurrent:
        spelled = {"TransitionInDays": "NoncurrentDays"}
        out["NoncurrentVersionTransitions"] = [
            {spelled.get(name, name): value for name, value in one.items()} for one in noncurrent
        ]
    if "AbortIncompleteMultipartUpload" in rule:
        out["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
    return out


def _transition(transition: dict) -> dict:
    out = {"StorageClass": transition["StorageClass"]}
    if "TransitionInDays" in transition:
        out["Days"] = transition["TransitionInDays"]
    if "TransitionDate" in transition:
        out["Date"] = read_timestamp(transition["TransitionDate"])
    return out


def _filter(rule: dict) -> dict:
    """One condition stands alone, several below And."""
    conditions: dict[str, Any] = {
        name: rule[name] for name in ("Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan") if name in rule
    }
    tags = rule.get("TagFilters", [])
    if len(conditions) + len(tags) > 1:
        return {"And": {**conditions, **({"Tags": tags} if tags else {})}}
    if tags:
        return {"Tag": tags[0]}
    return conditions or {"Prefix": ""}


# Notifications

_SENDERS = {
    "LambdaConfigurations": ("LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
    "QueueConfigurations": ("QueueConfigurations", "Queue", "QueueArn"),
    "TopicConfigurations": ("TopicConfigurations", "Topic", "TopicArn"),
}


def _notification(value: dict) -> dict:
    out: dict[str, Any] = {}
    for member, (api_member, target, api_target) in _SENDERS.items():
        for one in value.get(member, ()):
            rule: dict[str, Any] = {api_target: one[target], "Events": [one["Event"]]}
            if "Filter" in one:
                rule["Filter"] = {"Key": {"FilterRules": one["Filter"]["S3Key"].get("Rules", [])}}
            out.setdefault(api_member, []).append(rule)
    if "EventBridgeConfiguration" in value and value["EventBridgeConfiguration"].get("EventBridgeEnabled", True):
        out["EventBridgeConfiguration"] = {}
    return {"NotificationConfiguration": out}


# ACLs


def access_control(name: str) -> str:
    """PublicRead -> public-read."""
    return "".join(("-" if at and letter.isupper() else "") + letter.lower() for at, letter in enumerate(name))


VERSIONING = Configuration(
    "VersioningConfiguration",
    "PutBucketVersioning",
    _under("VersioningConfiguration"),
    _putting("PutBucketVersioning", {"VersioningConfiguration": {"Status": "Suspended"}}),
    "GetBucketVersioning",
    lambda answer: {"Status": answer["Status"]} if "Status" in answer else None,
)
PUBLIC_ACCESS = Configuration(
    "PublicAccessBlockConfiguration",
    "PutPublicAccessBlock",
    _under("PublicAccessBlockConfiguration"),
    _putting("PutPublicAccessBlock", {"PublicAccessBlockConfiguration": BLOCKED}),
    "GetPublicAccessBlock",
    lambda answer: answer["PublicAccessBlockConfiguration"],
    ("NoSuchPublicAccessBlockConfiguration",),
)
OWNERSHIP = Configuration(
    "OwnershipControls",
    "PutBucketOwnershipControls",
    _under("OwnershipControls"),
    _putting(
        "PutBucketOwnershipControls", {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}}
    ),
    "GetBucketOwnershipControls",
    lambda answer: answer["OwnershipControls"],
    ("OwnershipControlsNotFoundError",),
)

OBJECT_LOCK = Configuration(
    "ObjectLockConfiguration",
    "PutObjectLockConfiguration",
    _under("ObjectLockConfiguration"),
    _putting("PutObjectLockConfiguration", {"ObjectLockConfiguration": ENABLED}),
    "GetObjectLockConfiguration",
    lambda answer: answer["ObjectLockConfiguration"],
    ("ObjectLockConfigurationNotFoundError",),
)

CONFIGURATIONS = (
    OWNERSHIP,
    PUBLIC_ACCESS,
    VERSIONING,
    OBJECT_LOCK,
    Configuration("BucketEncryption", "PutBucketEncryption", _encryption, _deleting("DeleteBucketEncryption")),
    Configuration("CorsConfiguration", "PutBucketCors", _cors, _deleting("DeleteBucketCors")),
    Configuration(
        "LifecycleConfiguration", "PutBucketLifecycleConfiguration", _lifecycle, _deleting("DeleteBucketLifecycle")
    ),
    Configuration(
        "NotificationConfiguration",
        "PutBucketNotificationConfiguration",
        _notification,
        _putting("PutBucketNotificationConfiguration", {"NotificationConfiguration": {}}),
    ),
)
"""In the order in which they can be set: what allows something comes before what needs it."""
