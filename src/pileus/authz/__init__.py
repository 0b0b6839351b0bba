"""May they: what policies say about a call. Pure functions; nothing here reads the store, the clock or the network.

policy.py      a policy document, checked in AWS's words and compiled
statement.py   one compiled statement: does it speak of this action, principal, resource?
patterns.py    wildcards in actions, ARNs and strings
variables.py   ${aws:username} and its kin
conditions.py  the condition operators
context.py     the global condition keys of a request
evaluate.py    the decision
explain.py     the same decision, statement by statement, for people
"""


def changed(account: str, role: str = "") -> str:
    """The topic that is notified when this role was made or changed; without one, when a policy was that roles of the
    account may have. Who was refused may ask again."""
    return f"authz.changed/{account}/{role}"
