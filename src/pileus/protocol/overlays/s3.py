"""S3's XML beyond its model: root elements, bare errors, its own request id headers, hosts that name buckets.

Source: Amazon S3 API reference, "Response syntax" of each operation, "Error responses", and user guide, "Virtual
hosting of buckets".
"""

import re
from functools import lru_cache

from . import Overlay

_ROOTS = """
CompleteMultipartUpload CompleteMultipartUploadResult
CreateMultipartUpload InitiateMultipartUploadResult
CreateSession CreateSessionResult
DeleteObjects DeleteResult
GetBucketAccelerateConfiguration AccelerateConfiguration
GetBucketAcl AccessControlPolicy
GetBucketCors CORSConfiguration
GetBucketLifecycle LifecycleConfiguration
GetBucketLifecycleConfiguration LifecycleConfiguration
GetBucketLocation LocationConstraint
GetBucketLogging BucketLoggingStatus
GetBucketNotificationConfiguration NotificationConfiguration
GetBucketRequestPayment RequestPaymentConfiguration
GetBucketTagging Tagging
GetBucketVersioning VersioningConfiguration
GetBucketWebsite WebsiteConfiguration
GetObjectAcl AccessControlPolicy
GetObjectAttributes GetObjectAttributesResponse
GetObjectLegalHold LegalHold
GetObjectRetention Retention
GetObjectTagging Tagging
ListBucketAnalyticsConfigurations ListBucketAnalyticsConfigurationResult
ListBucketIntelligentTieringConfigurations ListBucketIntelligentTieringConfigurationsResult
ListBucketInventoryConfigurations ListInventoryConfigurationsResult
ListBucketMetricsConfigurations ListMetricsConfigurationsResult
ListBuckets ListAllMyBucketsResult
ListDirectoryBuckets ListAllMyDirectoryBucketsResult
ListMultipartUploads ListMultipartUploadsResult
ListObjectVersions ListVersionsResult
ListObjects ListBucketResult
ListObjectsV2 ListBucketResult
ListParts ListPartsResult
"""

_BUCKET_HOST = re.compile(
    r"(?P<bucket>.+)\.s3(?:[.-](?:dualstack\.)?[a-z]{2}(?:-[a-z]+)+-\d+)?\.(?:localhost|amazonaws)\b"
)

_BARE_BUCKET_HOST = re.compile(
    r"(?!(?:.+\.)?(?:s3|s3-control|execute-api|lambda-url|[a-z]{2}(?:-[a-z]+)+-\d+)\.)(?P<bucket>.+)\.localhost"
)
"""What SDKs make of the endpoint http://localhost:4566, which says nothing of S3: "bucket.localhost"."""


def path_style(host: str, path: str) -> str:
    """The path with its bucket in front: "/bucket/key" for "/key" at "bucket.s3.us-east-1.localhost"."""
    bucket = _bucket_in(host)
    return path if bucket is None else f"/{bucket}{path}"


@lru_cache(maxsize=1024)
def _bucket_in(host: str) -> str | None:
    found = _BUCKET_HOST.match(host) or _BARE_BUCKET_HOST.fullmatch(host)
    return found["bucket"] if found else None


OVERLAY = Overlay(
    namespace="http://s3.amazonaws.com/doc/2006-03-01/",
    roots=dict(line.split() for line in _ROOTS.strip().splitlines()),
    unwrapped=frozenset({"GetBucketLocation"}),
    bare_errors=True,
    id_headers=("x-amz-request-id", "x-amz-id-2"),
    takes_unsigned=True,
    path_of=path_style,
    partial_content="ContentRange",
    statuses={"PutBucketPolicy": 204},
)
