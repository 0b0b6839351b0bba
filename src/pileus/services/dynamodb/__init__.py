"""Amazon DynamoDB: its values and expression languages so far."""
