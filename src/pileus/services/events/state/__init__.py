"""What EventBridge keeps, and the transitions that change it.

    tables      records, tables, quotas
    buses       event buses and their policies
    rules       rules with their targets
    publishing  an event meets the rules of its bus
    archives    events kept for later, for as long as the archive says
    replays     kept events sent again, step by step
    schedules   rules that are due by the clock

Nothing is looked up per delivery: when an event matches, what its target needs goes into the outbox with the event, in
the transaction that accepted it. So an accepted event reaches the targets its rules had at that moment, whatever
happens to the rules later, and a killed process has forgotten nothing.

A large event may match hundreds of rules. A transaction writes so much and no more; the rest is one more event of the
outbox, which goes on with the rules behind the last one.
"""
