"""The operations of SQS, by the chapters of its API reference."""
