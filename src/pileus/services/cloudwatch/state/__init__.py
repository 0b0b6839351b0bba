"""State, by subject: `records.py` has the tables and quotas."""
