"""Content codings: what is compressed, and what is read compressed."""

import gzip
import zlib

import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.http import HttpRequest, HttpResponse
from pileus.protocol import codings, models

SPOKEN = ("gzip", "deflate")


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("gzip, deflate", "gzip"),
        ("deflate, gzip", "deflate"),
        ("GZIP, identity", "gzip"),
        ("gzip;q=0.5, deflate", "deflate"),
        ("*", "gzip"),
        ("*, gzip;q=0.5", "deflate"),
        ("*;q=0", None),
        ("gzip ;q=0", None),
        ("gzip;q=0, gzip;q=1, gzip;q=0", "gzip"),
        ("deflate;q=0.5,gzip;q=0.x", "gzip"),
        ("deflate;q=-0.5,gzip;q=0.2", "gzip"),
        ("br", None),
        ("identity", None),
        ('"gzip"', None),
        ("gzip br", None),
        ("", None),
    ],
)
def test_the_best_liked_coding_is_chosen(accepted, chosen):
    assert codings.chosen(accepted, SPOKEN) == chosen


def test_answers_are_compressed_from_a_size_on():
    request = HttpRequest("POST", "/", "", {"accept-encoding": "gzip"})
    small, large = HttpResponse(200, [], b"x" * 4095), HttpResponse(200, [], b"x" * 4096)
    codings.encode(request, small, SPOKEN, 4096)
    codings.encode(request, large, SPOKEN, 4096)
    assert (small.headers, small.body) == ([], b"x" * 4095)
    assert large.headers == [("Content-Encoding", "gzip")]
    assert gzip.decompress(large.body) == b"x" * 4096


def test_dynamodb_reads_gzip_of_one_or_more_members_and_deflate():
    op = models.load("dynamodb").operation("ListTables")

    def read(coding: str, body: bytes):
        return op.parse(HttpRequest("POST", "/", "", {"content-encoding": coding}), body)

    assert read("gzip", gzip.compress(b'{"Lim') + gzip.compress(b'it":5}')) == {"Limit": 5}
    assert read("deflate", zlib.compress(b'{"Limit":5}')) == {"Limit": 5}
    for coding, body in [("gzip", b""), ("gzip", b"{}"), ("deflate", b"{}"), ("garbage", b"{}")]:
        with pytest.raises(AwsError) as refused:
            read(coding, body)
        assert refused.value.status == 500


def test_dynamodb_takes_sixteen_megabytes_also_once_inflated():
    op = models.load("dynamodb").operation("ListTables")
    whole = b'{"Limit":5}'.ljust(16 << 20)
    plain, packed = HttpRequest("POST", "/"), HttpRequest("POST", "/", "", {"content-encoding": "gzip"})
    assert op.parse(plain, whole) == op.parse(packed, gzip.compress(whole, 1)) == {"Limit": 5}
    with pytest.raises(AwsError) as refused:
        op.parse(plain, whole + b" ")
    assert refused.value.status == 413
    with pytest.raises(AwsError):
        op.parse(packed, gzip.compress(whole + b" ", 1))
