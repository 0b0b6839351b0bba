"""Imports from S3."""
