"""NextTokens of ListExports and ListImports: hexadecimal digits, as the model's pattern of them demands.

Source: DynamoDB API reference, ListImports, "NextToken": ([0-9a-f]{16})+ of 112 to 1,024 digits.
"""

from pileus.kernel.errors import ValidationException

BLOCK_BYTES, BYTES_MIN = 8, 56


def token(kind: str, label: str, table_name: str) -> str:
    """What says: go on behind this one. `kind`: no other listing takes it."""
    text = f"{kind}/{label}/{table_name}".encode()
    length = max(BYTES_MIN, -(-len(text) // BLOCK_BYTES) * BLOCK_BYTES)
    return text.ljust(length, b"\0").hex()


def read_token(kind: str, given: str | None) -> tuple[str, str] | None:
    """(label, table name). Raises ValidationException."""
    if not given:
        return None
    try:
        made_for, label, table_name = bytes.fromhex(given).rstrip(b"\0").decode().split("/")
    except ValueError:
        made_for = ""
    if made_for != kind:
        raise ValidationException(f"Invalid Request: Provided nextToken is invalid: {given}")
    return label, table_name
