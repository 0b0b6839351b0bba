"""STS keeps nothing: a session is all in its token (authn/sessions.py). What is here are its limits.

Source: IAM user guide, "IAM and AWS STS quotas", and the STS API reference of each operation.
"""

DEFAULT_ROLE_SESSION_S = 3_600
CHAINED_SESSION_S = 3_600
"""A role assumed by another role's session, whatever the role allows."""
DEFAULT_USER_SESSION_S = 43_200
"""Of GetSessionToken and GetFederationToken."""
ROOT_SESSION_S = 3_600
SESSION_POLICY_ARNS = 10
SESSION_POLICY_CHARACTERS = 2_048
"""Of the inline and the managed session policies' ARNs together."""
PACKED_BYTES = 2_048
"""What the session policies and tags of one session may take when packed. AWS packs in a way of its own and tells only
the percentage; ours is of their deflated size."""
