"""Lambda's execution engine: runs functions in sandboxes, knows nothing of the Lambda API, its state or IAM.

How it hangs together, outside in:

    Engine          one per Pileus. `invoke` finds a free environment or starts one, and says what happened
    Pool            the environments there are: which is free, which has idled too long, how many there may be
    Environment     one execution environment: one sandbox, its Runtime API listener, its log pipe, its cgroup
    Zygote          one process per language version, all loaded, which forks environments (bootstraps/zygote.py), and
                    what waits for the next function: forked ahead, of Node with the runtime started in it
    bootstraps/     what runs inside; it imports nothing of Pileus

An environment's life: the zygote forks a process into a pid namespace of its own; that process is told over its socket
what to run, finishes the sandbox and starts the runtime; the runtime asks its Runtime API for the first event, and with
this question initialization ends. From then on it answers one event at a time, stopped in between, until it idles too
long, its credentials near their end, its function changes or Pileus stops.

What must hold: nobody's code runs before the host is out of sight (environment_init.py); an environment belongs to one
revision of one function and is never given another, also one that waited for it; every process of an environment dies with it, whatever it did; when
Pileus is killed, everything dies, since all of it hangs on sockets that close with Pileus.

Rejected: a container per function (300 ms to start, needs an engine installed), bubblewrap (nothing it does needs more
than the calls in bootstraps/linux.py, and the zygote has to do them itself to fork into the sandbox), one interpreter
for several functions (no isolation).
"""
