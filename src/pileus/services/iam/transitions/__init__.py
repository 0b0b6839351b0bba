"""What changes IAM's state: one module for each of AWS's chapters, plain functions with `tx` first."""
