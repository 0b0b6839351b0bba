"""Tables: create, describe, update, delete, list; their tags and resource policies."""
