"""STS's errors. Codes from the STS API reference; the words are those of STS's recorded answers."""

from pileus.kernel.errors import AwsError


class AccessDenied(AwsError):
    status = 403


class ValidationError(AwsError):
    pass


class InvalidParameterValue(AwsError):
    pass


class PackedPolicyTooLarge(AwsError):
    pass
