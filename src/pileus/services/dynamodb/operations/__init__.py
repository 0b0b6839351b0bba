"""DynamoDB's operations, a module a chapter of the API."""
