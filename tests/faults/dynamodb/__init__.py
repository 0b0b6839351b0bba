"""What a DynamoDB under load is held to when it is killed: each module is a kind of work, with its own ledger."""
