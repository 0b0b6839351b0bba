"""Object Lock: a bucket's default retention, a version's retention and legal hold.

Source: S3 API reference, Put/GetObjectLockConfiguration, Put/GetObjectRetention, Put/GetObjectLegalHold; user guide,
"Locking objects with Object Lock", "Object Lock considerations".
"""

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.services.s3 import answers, asked, errors
from pileus.services.s3.state import buckets, locks
from pileus.services.s3.state.records import OBJECT_LOCK, Bucket, Lock
from pileus.store.transaction import Transaction

EVENT_HOLDS = ("EventHold", "EventHoldDuration")


async def put_object_lock_configuration(call: Call, request: dict) -> dict:
    """Set the default retention of new versions, or none; switches Object Lock on for a versioned bucket.

    errors   InvalidArgument (a period that is none), InvalidBucketState (not versioned), MalformedXML
    """
    bucket = await asked.bucket(call, request)
    configuration = request.get("ObjectLockConfiguration") or {}
    if "DefaultEventHold" in configuration.get("Rule", {}).get("DefaultRetention", {}):
        raise NotImplementedByUs("s3:PutObjectLockConfiguration with DefaultEventHold")
    await call.write(locks.set_configuration, bucket.name, configuration)
    return {}


async def get_object_lock_configuration(call: Call, request: dict) -> dict:
    """errors   ObjectLockConfigurationNotFoundError"""
    bucket = await asked.bucket(call, request)
    configuration = await call.read(buckets.configuration, bucket, OBJECT_LOCK)
    if configuration is None:
        raise errors.ObjectLockConfigurationNotFoundError(BucketName=bucket.name)
    return {"ObjectLockConfiguration": configuration}


async def put_object_retention(call: Call, request: dict) -> dict:
    """Retain a version until a time, or (an empty Retention) no more.

    errors   AccessDenied (what stands is longer, or of another mode), InvalidArgument (a time that is over),
             InvalidRequest (Object Lock is off), MalformedXML, NoSuchKey
    """
    bucket = await asked.bucket(call, request)
    retention = request.get("Retention")
    for member in EVENT_HOLDS:
        if member in (retention or ()):
            raise NotImplementedByUs(f"s3:PutObjectRetention with {member}")
    is_whole = retention is not None and ("Mode" in retention) == ("RetainUntilDate" in retention)
    _require_enabled(bucket, is_whole=is_whole)
    mode, until_ms = "", 0
    if retention:
        mode = retention["Mode"]
        until_ms = asked.future_ms(call, retention["RetainUntilDate"], "RetainUntilDate")
    await call.write(
        _retain,
        bucket,
        request["Key"],
        request.get("VersionId"),
        mode,
        until_ms,
        bypasses=bool(request.get("BypassGovernanceRetention")),
    )
    return {}


def _retain(
    tx: Transaction, bucket: Bucket, key: str, version_id: str | None, mode: str, until_ms: int, *, bypasses: bool
) -> None:
    version = asked.find_version(tx, bucket, key, version_id)
    locks.set_retention(tx, bucket, version, mode, until_ms, bypasses=bypasses)


async def get_object_retention(call: Call, request: dict) -> dict:
    """What was set, also when its time is over.

    errors   InvalidRequest (Object Lock is off), NoSuchKey, NoSuchObjectLockConfiguration
    """
    lock = await _lock(call, request)
    if not lock.mode:
        raise errors.NoSuchObjectLockConfiguration()
    return {"Retention": {"Mode": lock.mode, "RetainUntilDate": answers.precise(lock.retain_until_ms)}}


async def put_object_legal_hold(call: Call, request: dict) -> dict:
    """Place or remove a version's legal hold.

    errors   InvalidRequest (Object Lock is off), MalformedXML, NoSuchKey
    """
    bucket = await asked.bucket(call, request)
    status = (request.get("LegalHold") or {}).get("Status")
    _require_enabled(bucket, is_whole=status is not None)
    await call.write(_hold, bucket, request["Key"], request.get("VersionId"), status)
    return {}


def _hold(tx: Transaction, bucket: Bucket, key: str, version_id: str | None, status: str) -> None:
    locks.set_legal_hold(tx, bucket, asked.find_version(tx, bucket, key, version_id), status)


async def get_object_legal_hold(call: Call, request: dict) -> dict:
    """ON, or OFF where there was one once.

    errors   InvalidRequest (Object Lock is off), NoSuchKey, NoSuchObjectLockConfiguration
    """
    lock = await _lock(call, request)
    if not lock.legal_hold:
        raise errors.NoSuchObjectLockConfiguration()
    return {"LegalHold": {"Status": lock.legal_hold}}


async def _lock(call: Call, request: dict) -> Lock:
    bucket = await asked.bucket(call, request)
    _require_enabled(bucket)
    version = await call.read(asked.find_version, bucket, request["Key"], request.get("VersionId"))
    return version.lock or Lock()


def _require_enabled(bucket: Bucket, *, is_whole: bool = True) -> None:
    """is_whole  the body says all that it must: S3 looks at it first"""
    if not is_whole:
        raise errors.MalformedXML()
    if not locks.is_enabled(bucket):
        raise errors.InvalidRequest("Bucket is missing Object Lock Configuration")
