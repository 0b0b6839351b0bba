"""S3 Control answers with S3's request id headers."""

from . import Overlay

OVERLAY = Overlay(
    namespace="http://awss3control.amazonaws.com/doc/2018-08-20/", id_headers=("x-amz-request-id", "x-amz-id-2")
)
