"""PartiQL for DynamoDB: statements as another way to say what the other operations do.

    tokens, grammar    text -> statements.py, kept by text
    binding            parameters put in, literals made values
    access             a WHERE clause and a key schema -> the keys or ranges of keys it needs, or that it needs a scan
    conditions         WHERE, SET and REMOVE -> the nodes that expressions/ compiles
    reads, writes      transitions: SELECT in pages; one write, a batch's, or all of a transaction's
    continuing         NextToken
    permissions        what a statement touches
    errors             AWS's words, and apart from them ours

There is no second evaluator and no second way to the rows: what a condition means is decided in expressions/, what is
read in state/reading.py, and what changes in state/writing.py.
"""
