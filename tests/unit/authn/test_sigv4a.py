"""SigV4a: the derived key against the published vector, and signatures made with it."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from signed_requests import ACCESS_KEY, SECRET

from pileus.authn import sigv4
from pileus.authn.canonical import canonical_request
from pileus.authn.sigv4a import private_key
from pileus.kernel.errors import AwsError
from pileus.kernel.http import HttpRequest


def test_the_key_pair_is_the_one_of_the_published_vector():
    numbers = (
        private_key("AKISORANDOMAASORANDOM", "q+jcrXGc+0zWN6uzclKVhvMmUsIfRPa4rlRandom").public_key().public_numbers()
    )
    assert f"{numbers.x:064x}" == "15d242ceebf8d8169fd6a8b5a746c41140414c3b07579038da06af89190fffcb"
    assert f"{numbers.y:064x}" == "0515242cedd82e94799482e4c0514b505afccf2c0c98d6a553bf539f424c5ec0"


def signed_request(body_hash: str) -> HttpRequest:
    names = ("host", "x-amz-content-sha256", "x-amz-date", "x-amz-region-set")
    headers = {
        "host": "b.s3.amazonaws.com",
        "x-amz-content-sha256": body_hash,
        "x-amz-date": "20261123T000000Z",
        "x-amz-region-set": "us-*",
    }
    scope = "20261123/s3/aws4_request"
    canonical = canonical_request("PUT", "/key", "", headers, names, body_hash)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"AWS4-ECDSA-P256-SHA256\n20261123T000000Z\n{scope}\n{digest}"
    signature = private_key(ACCESS_KEY, SECRET).sign(to_sign.encode(), ec.ECDSA(SHA256())).hex()
    headers["authorization"] = (
        f"AWS4-ECDSA-P256-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={';'.join(names)}, "
        f"Signature={signature}"
    )
    return HttpRequest("PUT", "/key", headers=headers)


def test_a_signature_with_the_derived_key_is_genuine_and_another_is_not():
    request = signed_request(hashlib.sha256(b"x").hexdigest())
    signed = sigv4.read(request, "s3")
    assert (signed.region, signed.region_set, signed.service) == ("", "us-*", "s3")
    sigv4.verify(request, signed, SECRET, signed.signed_ms)
    with pytest.raises(AwsError, match="SignatureDoesNotMatch"):
        sigv4.verify(request, signed, "other", signed.signed_ms)
    request.path = "/other"
    with pytest.raises(AwsError, match="SignatureDoesNotMatch"):
        sigv4.verify(request, signed, SECRET, signed.signed_ms)
