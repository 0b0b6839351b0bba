"""PartiQL: ExecuteStatement, BatchExecuteStatement, ExecuteTransaction."""
