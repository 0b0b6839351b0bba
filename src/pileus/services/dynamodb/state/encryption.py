"""The key that AWS manages for DynamoDB. Rows are as they are: encryption is recorded."""

from hashlib import blake2b

from pileus.services.dynamodb.state.records import Encryption, TableRecord


def own_key(table: TableRecord) -> Encryption:
    """The key that AWS manages for DynamoDB, one an account and region: its id is derived from them."""
    digest = blake2b(f"{table.account}/{table.region}".encode(), digest_size=16).hexdigest()
    key_id = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))
    partition = table.arn.split(":")[1]
    return Encryption(f"arn:{partition}:kms:{table.region}:{table.account}:key/{key_id}")
