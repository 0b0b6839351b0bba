"""Exports to S3."""
