"""Amazon S3: buckets, objects, versions, uploads, events. See README.md."""

from pileus.kernel.service import Service
from pileus.services.s3 import authorize, background, bodies, browsers, cors, wording
from pileus.services.s3.operations import (
    acls,
    buckets,
    configuration,
    copying,
    listing,
    multipart,
    notifications,
    objects,
    policies,
    tagging,
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
        acls,
        policies,
        configuration,
        notifications,
    ),
    authorize=authorize,
    resources="pileus.services.s3.resources",
    events=background.EVENTS,
    timers=background.TIMERS,
    violation=wording.violation,
    beyond_model=browsers.beyond_model,
    decorate=cors.decorate,
    check_body=bodies.check_unstreamed,
    takes_signature_v2=True,
    partial={
        "CopyObject": "SSE-C, customer-managed KMS keys, object lock",
        "CreateBucket": "object lock, directory buckets",
        "CreateMultipartUpload": "SSE-C, customer-managed KMS keys, object lock",
        "GetObject": "SSE-C",
        "PutBucketEncryption": "customer-managed KMS keys",
        "PutBucketLifecycleConfiguration": "varies_by_storage_class",
        "PutBucketVersioning": "MFA delete",
        "PutObject": "SSE-C, customer-managed KMS keys, object lock, checksums SHA512, MD5 and xxHash",
    },
)
