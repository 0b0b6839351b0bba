"""The outbox's dispatcher: takes what transitions emitted to where it must go, at least once."""
