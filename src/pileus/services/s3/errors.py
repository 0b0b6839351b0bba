"""The errors that S3 raises. Codes, statuses and words from the S3 API reference, "List of error codes".

Where the reference is silent, the words are those of answers that AWS gives and its forums quote.
"""

from pileus.kernel.errors import AwsError


class S3Error(AwsError):
    """`headers` go out with the error: S3 tells the region of a bucket, or that a delete marker was met, there."""

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        status: int | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        **fields,
    ) -> None:
        super().__init__(message, code=code, status=status, **fields)
        self.headers = headers


# Access


class AccessDenied(S3Error):
    status = 403
    text = "Access Denied"


class ObjectLocked(AccessDenied):
    """Source: answers that users quote."""

    code = "AccessDenied"
    text = "Access Denied because object protected by object lock."


WITHOUT_OBJECT_LOCK = "Bucket is missing ObjectLockConfiguration"
"""Of a new object that is to be locked. Asked of one that is there, S3 says "Object Lock Configuration"."""


class AccessControlListNotSupported(S3Error):
    text = "The bucket does not allow ACLs"


class InvalidBucketAclWithObjectOwnership(S3Error):
    text = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"


class MalformedACLError(S3Error):
    text = "The XML you provided was not well-formed or did not validate against our published schema"


class UnresolvableGrantByEmailAddress(S3Error):
    text = "The e-mail address you provided does not match any account on record."


class MalformedPolicy(S3Error):
    text = "Policies must be valid JSON and the first byte must be '{'"


class NoSuchBucketPolicy(S3Error):
    status = 404
    text = "The bucket policy does not exist"


# Buckets


class BucketAlreadyExists(S3Error):
    status = 409
    text = (
        "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
        "Please select a different name and try again."
    )


class BucketAlreadyOwnedByYou(S3Error):
    status = 409
    text = "Your previous request to create the named bucket succeeded and you already own it."


class BucketNotEmpty(S3Error):
    status = 409
    text = "The bucket you tried to delete is not empty"


class IllegalLocationConstraintException(S3Error):
    pass


class InvalidBucketName(S3Error):
    text = "The specified bucket is not valid."


class InvalidBucketState(S3Error):
    status = 409
    text = "The request is not valid for the current state of the bucket."


class InvalidLocationConstraint(S3Error):
    text = "The specified location-constraint is not valid"


class NoSuchBucket(S3Error):
    status = 404
    text = "The specified bucket does not exist"


class PermanentRedirect(S3Error):
    status = 301
    text = (
        "The bucket you are attempting to access must be addressed using the specified endpoint. "
        "Please send all future requests to this endpoint."
    )


class TooManyBuckets(S3Error):
    text = "You have attempted to create more buckets than allowed"


# Objects


class BadDigest(S3Error):
    text = "The Content-MD5 or checksum value that you specified did not match what the server received."


class EntityTooLarge(S3Error):
    text = "Your proposed upload exceeds the maximum allowed size"


class InvalidDigest(S3Error):
    text = "The Content-MD5 you specified was invalid."


class InvalidEncryptionAlgorithmError(S3Error):
    text = "The Encryption request you specified is not valid. Supported value: AES256."


class InvalidObjectState(S3Error):
    status = 403
    text = "The operation is not valid for the object's storage class"


class InvalidRange(S3Error):
    status = 416
    text = "The requested range is not satisfiable"


class InvalidStorageClass(S3Error):
    text = "The storage class you specified is not valid"


class InvalidTag(S3Error):
    text = "The tag provided was not a valid tag."


class KeyTooLongError(S3Error):
    text = "Your key is too long"


class MetadataTooLarge(S3Error):
    text = "Your metadata headers exceed the maximum allowed metadata size"


class MethodNotAllowed(S3Error):
    status = 405
    text = "The specified method is not allowed against this resource."


class MissingContentLength(S3Error):
    status = 411
    text = "You must provide the Content-Length HTTP header."


class NoSuchKey(S3Error):
    status = 404
    text = "The specified key does not exist."


class NoSuchVersion(S3Error):
    status = 404
    text = "The specified version does not exist."


class NotModified(S3Error):
    status = 304
    text = "Not Modified"


class PreconditionFailed(S3Error):
    status = 412
    text = "At least one of the pre-conditions you specified did not hold"


class ConditionalRequestConflict(S3Error):
    status = 409
    text = "A conflicting operation occurred during the upload. Fetch the object's ETag and retry the upload."


# Multipart uploads


class EntityTooSmall(S3Error):
    text = "Your proposed upload is smaller than the minimum allowed size"


class InvalidPart(S3Error):
    text = (
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified "
        "entity tag may not match the part's entity tag."
    )


class InvalidPartNumber(S3Error):
    status = 416
    text = "The requested partnumber is not satisfiable"


class InvalidPartOrder(S3Error):
    text = "The list of parts was not in ascending order. Parts must be ordered by part number."


class NoSuchUpload(S3Error):
    status = 404
    text = (
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
        "completed."
    )


# Browsers


class AccessForbidden(S3Error):
    status = 403


class BadRequest(S3Error):
    pass


class InvalidPolicyDocument(S3Error):
    text = "The content of the form does not meet the conditions specified in the policy document."


class MalformedPOSTRequest(S3Error):
    text = "The body of your POST request is not well-formed multipart/form-data."


class MaxPostPreDataLengthExceeded(S3Error):
    text = "Your POST request fields preceding the upload file were too large."


# What is asked


class InvalidArgument(S3Error):
    text = "Invalid Argument"


class InvalidRequest(S3Error):
    text = "Invalid Request"


class InvalidURI(S3Error):
    text = "Couldn't parse the specified URI."


class MalformedXML(S3Error):
    text = "The XML you provided was not well-formed or did not validate against our published schema"


class IllegalVersioningConfigurationException(S3Error):
    text = "The Versioning element must be specified"


# Configurations that are not there


class NoSuchCORSConfiguration(S3Error):
    status = 404
    text = "The CORS configuration does not exist"


class NoSuchLifecycleConfiguration(S3Error):
    status = 404
    text = "The lifecycle configuration does not exist"


class NoSuchObjectLockConfiguration(S3Error):
    status = 404
    text = "The specified object does not have a ObjectLock configuration"


class NoSuchPublicAccessBlockConfiguration(S3Error):
    status = 404
    text = "The public access block configuration was not found"


class NoSuchTagSet(S3Error):
    status = 404
    text = "The TagSet does not exist"


class NoSuchWebsiteConfiguration(S3Error):
    status = 404
    text = "The specified bucket does not have a website configuration"


class OwnershipControlsNotFoundError(S3Error):
    status = 404
    text = "The bucket ownership controls were not found"


class ReplicationConfigurationNotFoundError(S3Error):
    status = 404
    text = "The replication configuration was not found"


class ObjectLockConfigurationNotFoundError(S3Error):
    status = 404
    text = "Object Lock configuration does not exist for this bucket"


class ServerSideEncryptionConfigurationNotFoundError(S3Error):
    status = 404
    text = "The server side encryption configuration was not found"
