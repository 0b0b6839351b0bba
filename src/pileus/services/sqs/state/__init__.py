"""What SQS keeps, and the transitions that change it.

    tables       records, tables, quotas
    queues       create, find, change, purge, delete
    backlogs     the numbers of a queue, and the only ways to change a message's row
    messages     send, receive, delete, change visibility: what is common to all queues
    groups       which message group comes next: the order of FIFO queues and the fairness of standard ones
    exactly_once deduplication of sends and of receives, FIFO queues only
    redrive      dead-letter queues
    move_tasks   StartMessageMoveTask and its siblings
    retention    messages that grew too old

Three problems shape it.

*Order.* A message is a row at (queue, sent, sequence), so its oldest row is a queue's next to expire. The index
`by_visible_at` has the same messages in the order in which they can be received; hiding a message moves it there.

*Counts.* ApproximateNumberOfMessages and its two siblings are exact and cost nothing, however long the queue: the
queue's Backlog row counts. Yet a message becomes visible when time passes, and nobody writes then. So a Backlog says up
to which moment it has counted, and every transition first counts what has become visible since (`backlogs.opened`):
each message once, so the cost does not depend on the backlog.

*Graves.* A scan of an LSM crosses the keys that were deleted. A queue is nothing but deletions at its front, so a
Backlog also remembers where the living begin: no scan starts before that.
"""
