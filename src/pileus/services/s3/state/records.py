"""What S3 keeps: buckets, objects and their versions, bodies, uploads in progress. And how much of it there may be.

An object's current version is one row of OBJECTS, so a listing of objects meets nothing else. Everything older, and
every delete marker, is a row of VERSIONS, newest first within a key; a key without a row in OBJECTS whose newest row
in VERSIONS is a delete marker is a deleted one. Bodies are blobs (store/blobs.py): rows stay small, and a version
moves without its body.
"""

from typing import Any

import msgspec

from pileus.store.table import Index, Table

# S3 user guide, "Amazon S3 quotas" (General Reference) and "Multipart upload limits".
MAX_BUCKETS = 10_000
MAX_KEY_BYTES = 1024
MAX_METADATA_BYTES = 2048
MAX_PUT_BYTES = 5 * 1024**3
MAX_OBJECT_BYTES = 50 * 10**12
MAX_OBJECT_TAGS = 10
MAX_BUCKET_TAGS = 50
MAX_PARTS = 10_000
MIN_PART_BYTES = 5 * 1024**2
MAX_POLICY_BYTES = 20 * 1024
MAX_LIFECYCLE_RULES = 1000
MAX_CORS_RULES = 100
CORS_METHODS = ("GET", "PUT", "HEAD", "POST", "DELETE")
MAX_NOTIFICATIONS = 100
MAX_GRANTS = 100
# S3 user guide, "Object Lock considerations": 100 years; API reference, EventHoldDuration: that, or 36,500 days.
MAX_RETENTION_DAYS = 36_500
MAX_RETENTION_YEARS = 100
MAX_DELETES = 1000
PAGE = 1000
"""Keys, versions, uploads or parts in one answer at most."""

NULL = "null"
"""The id of the version that has none. User guide, "Adding objects to versioning-suspended buckets"."""


OBJECT_LOCK = "object-lock"
"""The configuration whose being there means that Object Lock is on."""


class Bucket(msgspec.Struct, frozen=True):
    """
    id          begins the keys of everything in it; a bucket of the same name that comes later has another
    versioning  "" (never enabled), "Enabled" or "Suspended"
    ownership   ObjectOwnership
    configured  names of the rows that it has in CONFIGURATIONS, so that the hot path need not look for each
    """

    name: str
    id: int
    account: str
    region: str
    created_at_ms: int
    versioning: str = ""
    ownership: str = "BucketOwnerEnforced"
    configured: tuple[str, ...] = ()


class Configuration(msgspec.Struct, frozen=True):
    """One of a bucket's configurations (policy, lifecycle, tagging, …), as the API gives and takes it."""

    bucket_id: int
    name: str
    value: Any


class PartOf(msgspec.Struct, frozen=True, array_like=True):
    """A part of an object that was uploaded in parts. checksum: base64, or "" where none was asked for."""

    number: int
    size: int
    checksum: str = ""


class Layout(msgspec.Struct, frozen=True):
    """The parts of an object, beside its row so that the row stays small. `body` is the object's blob."""

    body: str
    parts: tuple[PartOf, ...]


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """kind "CanonicalUser" (who: the canonical id) or "Group" (who: its URI)."""

    kind: str
    who: str
    permission: str


class Lock(msgspec.Struct, frozen=True, array_like=True):
    """What keeps a version from being deleted.

    mode             of retention: "GOVERNANCE", "COMPLIANCE" or "" where there is none, in whatever time
    retain_until_ms  0 with it
    legal_hold       "ON", "OFF", or "" where there never was one
    """

    mode: str = ""
    retain_until_ms: int = 0
    legal_hold: str = ""


class KeyCheck(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of a customer's key, to tell another from it: HMAC-SHA256 of the key under a random salt."""

    salt: bytes
    hmac: bytes


class Version(msgspec.Struct, frozen=True, array_like=True):
    """A version of an object, or a delete marker.

    order         minus the sequence number of its creation: newest first
    headers       system metadata, by the model's member names: ContentType, CacheControl, …
    metadata      the user's own, lower-case names
    checksums     algorithm -> base64, with "-N" for composite ones
    body          the blob; "" for a delete marker
    parts         how many parts it was uploaded in; 0 if it was put whole
    owner         account; the bucket's under BucketOwnerEnforced
    lock          None where nothing was ever locked; not rows of its own, for every deletion looks at it
    encryption    "AES256", "aws:kms", or "" where a customer's key encrypts the body
    key_check     of that key; None without one
    """

    bucket_id: int
    key: str
    order: int = 0
    version_id: str = NULL
    is_delete_marker: bool = False
    modified_at_ms: int = 0
    size: int = 0
    etag: str = ""
    body: str = ""
    storage_class: str = "STANDARD"
    owner: str = ""
    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}
    tags: dict[str, str] = {}
    checksums: dict[str, str] = {}
    checksum_type: str = ""
    parts: int = 0
    encryption: str = "AES256"
    grants: tuple[Grant, ...] = ()
    lock: Lock | None = None
    key_check: KeyCheck | None = None


class Upload(msgspec.Struct, frozen=True, array_like=True):
    """A multipart upload in progress. `draft` is the version that it will become."""

    bucket_id: int
    key: str
    id: str
    parts_id: int
    initiated_at_ms: int
    initiator_arn: str
    draft: Version
    checksum_algorithm: str = ""
    checksum_type: str = ""


class Part(msgspec.Struct, frozen=True, array_like=True):
    """A part that was uploaded. etag: the MD5 in hexadecimal, random under a customer's key; body: its blob."""

    upload: int
    number: int
    size: int
    etag: str
    modified_at_ms: int
    body: str
    algorithm: str = ""
    checksum: str = ""


class Completed(msgspec.Struct, frozen=True, array_like=True):
    """An upload that became an object, for callers who ask again because they missed the answer."""

    bucket_id: int
    key: str
    upload_id: str
    version: Version


BUCKETS = Table(
    "s3.buckets",
    Bucket,
    key=lambda bucket: (bucket.name,),
    is_hot=True,
    by_account=Index(lambda bucket: (bucket.account, bucket.name)),
    by_id=Index(lambda bucket: (bucket.id,)),
)
CONFIGURATIONS = Table("s3.configurations", Configuration, key=lambda row: (row.bucket_id, row.name))
OBJECTS = Table("s3.objects", Version, key=lambda version: (version.bucket_id, version.key))
VERSIONS = Table(
    "s3.versions",
    Version,
    key=lambda version: (version.bucket_id, version.key, version.order),
    null=Index(lambda version: (version.bucket_id, version.key) if version.version_id == NULL else None),
)
LAYOUTS = Table("s3.layouts", Layout, key=lambda layout: (layout.body,))
UPLOADS = Table("s3.uploads", Upload, key=lambda upload: (upload.bucket_id, upload.key, upload.id))
COMPLETED = Table("s3.completed", Completed, key=lambda done: (done.bucket_id, done.key, done.upload_id))
PARTS = Table("s3.parts", Part, key=lambda part: (part.upload, part.number))


class Cause(msgspec.Struct, frozen=True):
    """Who did it and how, for the events that tell of it.

    action  the event's name, "ObjectCreated:Put"; "" for what tells nobody
    """

    action: str = ""
    principal_id: str = ""
    source_ip: str = ""
    request_id: str = ""
    account: str = ""
