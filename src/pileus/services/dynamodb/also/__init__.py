"""Other models over the state of DynamoDB. Each folder is a service."""
