"""Temporary credentials: what goes into a token comes out of it, to the right key, until it ends."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.authn.sessions import issue, open_session
from pileus.authn.tokens import InvalidToken, seal, unseal
from pileus.kernel import principal as principals
from pileus.kernel.errors import AwsError
from pileus.kernel.ids import Ids

KEY = bytes(range(32))
ROLE = principals.role_session(
    "arn:aws:iam::123456789012:role/service/worker",
    "AROAEXAMPLEID",
    "job-1",
    issued_ms=1_000,
    expires_ms=3_601_000,
    tags={"team": "blau"},
    session_policies=('{"Version":"2012-10-17","Statement":[]}',),
    source_identity="someone",
    mfa=True,
    transitive_tag_keys=("team",),
)


def test_a_session_comes_back_whole():
    given_out = issue(Ids(1), KEY, ROLE)
    assert given_out.access_key_id.startswith("ASIA")
    assert given_out.expires_ms == 3_601_000
    session = open_session(given_out.session_token, KEY, given_out.access_key_id, 2_000, "query")
    assert session.secret_access_key == given_out.secret_access_key
    expected = principals.Principal(
        "assumed-role",
        "arn:aws:sts::123456789012:assumed-role/worker/job-1",
        "123456789012",
        unique_id="AROAEXAMPLEID:job-1",
        issuer_arn="arn:aws:iam::123456789012:role/service/worker",
        name="worker",
        session_name="job-1",
        tags={"team": "blau"},
        session_policies=('{"Version":"2012-10-17","Statement":[]}',),
        access_key_id=given_out.access_key_id,
        issued_ms=1_000,
        expires_ms=3_601_000,
        source_identity="someone",
        mfa=True,
        transitive_tag_keys=("team",),
    )
    assert session.principal == expected


@pytest.mark.parametrize(
    ("dialect", "invalid", "expired"),
    [
        ("query", "InvalidClientTokenId", "ExpiredToken"),
        ("json", "UnrecognizedClientException", "ExpiredTokenException"),
        ("s3", "InvalidToken", "ExpiredToken"),
    ],
)
def test_a_token_ends_at_its_time_and_serves_its_own_key_only(dialect, invalid, expired):
    given_out = issue(Ids(1), KEY, ROLE)

    def code(token=given_out.session_token, key=KEY, access_key_id=given_out.access_key_id, now_ms=2_000):
        with pytest.raises(AwsError) as caught:
            open_session(token, key, access_key_id, now_ms, dialect)
        return caught.value.code

    open_session(given_out.session_token, KEY, given_out.access_key_id, 3_600_999, dialect)
    assert code(now_ms=3_601_000) == expired
    assert code(access_key_id="ASIAOTHER") == invalid
    assert code(key=bytes(32)) == invalid
    assert code(token="nonsense") == invalid


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_no_changed_token_opens(data):
    token = seal(["user", {"a": 1}], KEY, Ids(1))
    raw = bytearray(base64.b64decode(token[16:]))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(InvalidToken):
        unseal(token[:16] + base64.b64encode(bytes(raw)).decode(), KEY)


@given(st.text(max_size=60))
def test_no_other_text_opens(text):
    for token in (text, "IQoJb3JpZ2luX2Vj" + text):
        with pytest.raises(InvalidToken):
            unseal(token, KEY)
