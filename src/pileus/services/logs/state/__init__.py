"""What CloudWatch Logs keeps: `records` has the tables and quotas, the other files the transitions by subject."""
