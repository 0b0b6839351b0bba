"""Backups and point-in-time recovery."""
