"""What Application Auto Scaling keeps: `tables` has records and quotas, the other files the transitions by subject."""
