"""What DynamoDB keeps, and the transitions that change it.

    records     records, tables, quotas
    tables      create, find, change, delete tables; their statuses
    rows        how items and index entries lie on disk
    writing     `change`: the one way in which an item changes
    reading     get, and pages of a query or scan
    indexes     entries of secondary indexes, and their backfill
    vectors     the same of vector indexes; searching looks for the nearest
    streams, ttl, history, replicas   what follows each change of an item
    replica_settings, replication     replicas are made and changed; what brings changes to them
    accounts, rights                  replicas of several accounts, and what their policies let DynamoDB do

Two ideas shape it.

*One door.* An item has its row, entries in indexes, numbers (count and bytes), a stream record, an expiry, a history
while point-in-time recovery is on, and copies in other regions. All of it commits with the item, as `writing.change` is
the only function that writes items; those who import, restore or replicate call it too.

*Order by key.* A partition's items lie together, in the order of their sort keys, below a hash of the partition key:
a query reads one range from where it begins, a scan goes in the order of the hashes and is cut into segments by them.
No operation reads what it does not answer or filter.
"""
