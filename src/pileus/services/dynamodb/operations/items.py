"""Single items: put, get, update, delete."""
