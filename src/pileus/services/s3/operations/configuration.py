"""Bucket configurations that are kept as they are given: encryption, CORS, lifecycle; and those that can only be "no".

Source: S3 API reference, the operations' pages; user guide, "Setting default server-side encryption behavior", "CORS
configuration", "Lifecycle configuration elements".
"""

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.services.s3 import asked, errors
from pileus.services.s3.customer_keys import BLOCKED_BY_DEFAULT, SSE_C
from pileus.services.s3.state import buckets, lifecycle
from pileus.services.s3.state.records import CORS_METHODS, MAX_CORS_RULES, Bucket
from pileus.store.transaction import Transaction

_BY_DEFAULT = {"SSEAlgorithm": "AES256"}
DEFAULT_ENCRYPTION = {
    "Rules": [
        {
            "ApplyServerSideEncryptionByDefault": _BY_DEFAULT,
            "BucketKeyEnabled": False,
            "BlockedEncryptionTypes": BLOCKED_BY_DEFAULT,
        }
    ]
}
"""Of every new bucket since January 2023, without customers' keys since April 2026; removing the configuration brings
it back."""

OWN_KEY = "alias/aws/s3"


# Encryption


async def put_bucket_encryption(call: Call, request: dict) -> dict:
    """Set what new objects are marked with, and whether customers' keys may encrypt them.

    A rule that says nothing of what is blocked leaves that as it is, so that setting an algorithm unblocks nothing.
    """
    bucket = await asked.bucket(call, request)
    configuration = request["ServerSideEncryptionConfiguration"]
    if len(configuration["Rules"]) != 1:
        raise errors.MalformedXML()
    rule = configuration["Rules"][0]
    default = rule.get("ApplyServerSideEncryptionByDefault", _BY_DEFAULT)
    algorithm, key = default["SSEAlgorithm"], default.get("KMSMasterKeyID")
    if algorithm not in ("AES256", "aws:kms"):
        raise NotImplementedByUs(f"s3:PutBucketEncryption with SSEAlgorithm {algorithm}")
    if algorithm == "AES256" and key:
        raise errors.InvalidArgument("a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms")
    if key and not key.endswith(OWN_KEY):
        raise NotImplementedByUs("s3:PutBucketEncryption with KMSMasterKeyID")
    if rule.get("BlockedEncryptionTypes", BLOCKED_BY_DEFAULT).get("EncryptionType") not in (["NONE"], [SSE_C]):
        raise errors.MalformedXML()
    await call.write(_set_encryption, bucket.name, {"ApplyServerSideEncryptionByDefault": default, **rule})
    return {}


def _set_encryption(tx: Transaction, bucket_name: str, rule: dict) -> None:
    present = buckets.configuration_of(tx, bucket_name, "encryption") or DEFAULT_ENCRYPTION
    blocked = present["Rules"][0].get("BlockedEncryptionTypes", BLOCKED_BY_DEFAULT)
    rule = {"BlockedEncryptionTypes": blocked, **rule}
    buckets.set_configuration(tx, bucket_name, "encryption", {"Rules": [rule]})


async def get_bucket_encryption(call: Call, request: dict) -> dict:
    """The configuration, or SSE-S3, which every bucket has."""
    bucket = await asked.bucket(call, request)
    configuration = await call.read(buckets.configuration, bucket, "encryption")
    return {"ServerSideEncryptionConfiguration": configuration or DEFAULT_ENCRYPTION}


async def delete_bucket_encryption(call: Call, request: dict) -> dict:
    """Back to SSE-S3."""
    bucket = await asked.bucket(call, request)
    await call.write(buckets.set_configuration, bucket.name, "encryption", None)
    return {}


# CORS


async def put_bucket_cors(call: Call, request: dict) -> dict:
    """errors   InvalidRequest (a method S3 doesn't know, two stars), MalformedXML (too many rules)"""
    bucket = await asked.bucket(call, request)
    configuration = request["CORSConfiguration"]
    if not 1 <= len(configuration["CORSRules"]) <= MAX_CORS_RULES:
        raise errors.MalformedXML()
    for rule in configuration["CORSRules"]:
        for method in rule["AllowedMethods"]:
            if method not in CORS_METHODS:
                raise errors.InvalidRequest(
                    f"Found unsupported HTTP method in CORS config. Unsupported method is {method}"
                )
        for member, word in (("AllowedOrigins", "AllowedOrigin"), ("AllowedHeaders", "AllowedHeader")):
            for value in rule.get(member, ()):
                if value.count("*") > 1:
                    raise errors.InvalidRequest(f'{word} "{value}" can not have more than one wildcard.')
    await call.write(buckets.set_configuration, bucket.name, "cors", configuration)
    return {}


async def get_bucket_cors(call: Call, request: dict) -> dict:
    """errors   NoSuchCORSConfiguration"""
    configuration = await _configured(call, request, "cors", errors.NoSuchCORSConfiguration)
    return {"CORSRules": configuration["CORSRules"]}


async def delete_bucket_cors(call: Call, request: dict) -> dict:
    """Remove the rules."""
    bucket = await asked.bucket(call, request)
    await call.write(buckets.set_configuration, bucket.name, "cors", None)
    return {}


# Lifecycle


async def put_bucket_lifecycle_configuration(call: Call, request: dict) -> dict:
    """Set the rules; they are looked at once a day, at midnight UTC.

    errors   InvalidArgument, InvalidRequest, MalformedXML
    """
    bucket = await asked.bucket(call, request)
    configuration = request.get("LifecycleConfiguration") or {}
    rules = lifecycle.checked_rules(configuration.get("Rules", []), lambda: call.ids.token(48))
    size = request.get("TransitionDefaultMinimumObjectSize", "all_storage_classes_128K")
    if size != "all_storage_classes_128K":
        raise NotImplementedByUs(f"s3:PutBucketLifecycleConfiguration with TransitionDefaultMinimumObjectSize {size}")
    await call.write(lifecycle.set_rules, bucket.name, {"Rules": rules, "TransitionDefaultMinimumObjectSize": size})
    return {"TransitionDefaultMinimumObjectSize": size}


async def get_bucket_lifecycle_configuration(call: Call, request: dict) -> dict:
    """errors   NoSuchLifecycleConfiguration"""
    return await _configured(call, request, "lifecycle", errors.NoSuchLifecycleConfiguration)


async def delete_bucket_lifecycle(call: Call, request: dict) -> dict:
    """Remove the rules and their timer."""
    bucket = await asked.bucket(call, request)
    await call.write(lifecycle.set_rules, bucket.name, None)
    return {}


async def _configured(call: Call, request: dict, name: str, missing: type[errors.S3Error]) -> dict:
    bucket: Bucket = await asked.bucket(call, request)
    configuration = await call.read(buckets.configuration, bucket, name)
    if configuration is None:
        raise missing(BucketName=bucket.name)
    return configuration


# What no bucket here has: the truth about it is short


async def get_bucket_accelerate_configuration(call: Call, request: dict) -> dict:
    """Transfer acceleration was never enabled."""
    await asked.bucket(call, request)
    return {}


async def get_bucket_logging(call: Call, request: dict) -> dict:
    """Access logging is off."""
    await asked.bucket(call, request)
    return {}


async def get_bucket_request_payment(call: Call, request: dict) -> dict:
    """The owner pays, always."""
    await asked.bucket(call, request)
    return {"Payer": "BucketOwner"}


async def put_bucket_request_payment(call: Call, request: dict) -> dict:
    """Only what is so anyway."""
    await asked.bucket(call, request)
    if request["RequestPaymentConfiguration"]["Payer"] != "BucketOwner":
        raise NotImplementedByUs("s3:PutBucketRequestPayment with Payer Requester")
    return {}


async def get_bucket_website(call: Call, request: dict) -> dict:
    """errors   NoSuchWebsiteConfiguration, always"""
    bucket = await asked.bucket(call, request)
    raise errors.NoSuchWebsiteConfiguration(BucketName=bucket.name)


async def delete_bucket_website(call: Call, request: dict) -> dict:
    """There is none to remove."""
    await asked.bucket(call, request)
    return {}


async def get_bucket_replication(call: Call, request: dict) -> dict:
    """errors   ReplicationConfigurationNotFoundError, always"""
    await asked.bucket(call, request)
    raise errors.ReplicationConfigurationNotFoundError()


async def delete_bucket_replication(call: Call, request: dict) -> dict:
    """There is none to remove."""
    await asked.bucket(call, request)
    return {}
