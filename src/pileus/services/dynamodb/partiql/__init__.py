"""PartiQL for DynamoDB: statements as another way to say what the other operations do.

    tokens, grammar   text -> statements.py, cached by text
    values            literals and parameters -> attribute values
    access            a WHERE clause and a key schema -> the keys or ranges of keys it needs, or that it needs a scan
    conditions        WHERE and SET -> the expressions that the other operations evaluate
    execution         transitions: one statement, or all of a transaction's, in one transaction of the store

There is no second evaluator and no second way to the rows: what a condition means is decided in expressions/, what is
read in state/reading.py, and what changes in state/writing.py.
"""
