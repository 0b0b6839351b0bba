"""The key that AWS manages for DynamoDB. Rows are as they are: encryption is recorded."""

from hashlib import blake2b

from pileus.kernel.arn import partition_of
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.state.records import Encryption


def own_key(address: Address) -> Encryption:
    """The key that AWS manages for DynamoDB, one an account and region: its id is derived from them."""
    digest = blake2b(f"{address.account}/{address.region}".encode(), digest_size=16).hexdigest()
    key_id = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))
    return Encryption(f"arn:{partition_of(address.region)}:kms:{address.region}:{address.account}:key/{key_id}")
