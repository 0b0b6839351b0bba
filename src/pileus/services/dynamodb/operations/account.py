"""Limits and endpoints."""
