"""State: transactions on ordered keys, typed tables above them, durable events and timers, blobs.

Start at `store.py`: it opens with the essay.
"""
