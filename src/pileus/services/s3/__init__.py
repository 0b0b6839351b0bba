"""Amazon S3: buckets, objects, versions, uploads, events. See README.md."""

from pileus.kernel.service import Service
from pileus.services.s3 import asked, authorize, background, bodies, browsers, checksums, cors, wording
from pileus.services.s3.operations import (
    acls,
    buckets,
    configuration,
    copying,
    listing,
    locking,
    multipart,
    notifications,
    objects,
    policies,
    tagging,
)

NOT_HONOURED = (
    *sorted(asked.NOT_HONOURED),
    "ServerSideEncryption other than AES256 and aws:kms",
    "SSEKMSKeyId of a customer's key",
)
CHECKSUMS = tuple(f"ChecksumAlgorithm {name}" for name in checksums.NOT_YET)
FROM_ACCESS_POINTS = "copies from access points"
READING = ("GetObject", "GetObjectAttributes", "HeadObject")
PUTTING_A_DOCUMENT = (
    "DeleteObjects",
    "PutBucketAcl",
    "PutBucketCors",
    "PutBucketOwnershipControls",
    "PutBucketPolicy",
    "PutBucketTagging",
    "PutObjectAcl",
    "PutObjectLegalHold",
    "PutObjectTagging",
    "PutPublicAccessBlock",
)

SERVICE = Service(
    name="s3",
    operations=(
        buckets,
        objects,
        copying,
        listing,
        multipart,
        tagging,
        locking,
        acls,
        policies,
        configuration,
        notifications,
    ),
    authorize=authorize,
    resources="pileus.services.s3.resources",
    console="pileus.services.s3.console",
    events=background.EVENTS,
    timers=background.TIMERS,
    violation=wording.violation,
    beyond_model=browsers.beyond_model,
    decorate=cors.decorate,
    check_body=bodies.check_unstreamed,
    takes_signature_v2=True,
    refuses={
        **dict.fromkeys(("ListObjects", "ListObjectsV2", "ListObjectVersions"), ("OptionalObjectAttributes",)),
        **dict.fromkeys(READING, NOT_HONOURED),
        **dict.fromkeys(PUTTING_A_DOCUMENT, CHECKSUMS),
        "AbortMultipartUpload": ("IfMatchInitiatedTime",),
        "CompleteMultipartUpload": (*NOT_HONOURED, *CHECKSUMS),
        "CopyObject": (*NOT_HONOURED, *CHECKSUMS, FROM_ACCESS_POINTS),
        "CreateBucket": (
            "CreateBucketConfiguration.Location",
            "CreateBucketConfiguration.Bucket",
            "BucketNamespace other than global",
        ),
        "CreateMultipartUpload": (*NOT_HONOURED, *CHECKSUMS),
        "PutBucketEncryption": (
            "SSEAlgorithm other than AES256 and aws:kms",
            "KMSMasterKeyID of a customer's key",
            *CHECKSUMS,
        ),
        "PutBucketLifecycleConfiguration": (
            "TransitionDefaultMinimumObjectSize varies_by_storage_class",
            *CHECKSUMS,
        ),
        "PutBucketNotificationConfiguration": ("a destination of a service that is not here",),
        "PutBucketRequestPayment": ("Payer Requester", *CHECKSUMS),
        "PutBucketVersioning": ("MFADelete", *CHECKSUMS),
        "PutObjectLockConfiguration": ("DefaultEventHold", *CHECKSUMS),
        "PutObjectRetention": (*locking.EVENT_HOLDS, *CHECKSUMS),
        "PutObject": (*NOT_HONOURED, *CHECKSUMS),
        "UploadPart": (*NOT_HONOURED, *CHECKSUMS),
        "UploadPartCopy": (*NOT_HONOURED, FROM_ACCESS_POINTS),
    },
)
