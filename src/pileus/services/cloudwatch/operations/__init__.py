"""The operations, by the API reference's subjects."""
