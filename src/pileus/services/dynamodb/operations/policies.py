"""Tags and resource policies."""
