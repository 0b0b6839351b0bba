"""The zygote: a process that has everything loaded and forks an environment for every byte it receives.

Run inside the root that enter.py made, with the control socket as fd 3. Each message carries one file descriptor, the
environment's own socket; all else the environment is told over that. The zygote stays single-threaded (a fork copies
only the thread that calls it) and runs nobody's code but the runtime's.
"""

import gc
import os
import signal
import socket
import sys

from bootstraps import environment_init, linux

CONTROL_FD = 3


def main(settings):
    control = socket.socket(fileno=CONTROL_FD)
    if settings["preload"]:
        from bootstraps import python_preload

        python_preload.load(settings["site"])
    own_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY) if settings["namespaces"] else None
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps: an environment reports its own end
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is for Pileus, which then stops us
    gc.collect()
    gc.freeze()  # else the first collection in a child writes to, and so copies, every page
    control.send(b"ready")
    while True:
        message, fds, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            os._exit(0)  # Pileus has gone
        if own_namespace is not None:
            linux.unshare(linux.NEWPID)
        if os.fork() == 0:
            control.close()
            if own_namespace is not None:
                os.close(own_namespace)
            environment_init.run(socket.socket(fileno=fds[0]), settings)
        if own_namespace is not None:
            linux.setns(own_namespace, linux.NEWPID)
        os.close(fds[0])


def _settings():
    import json

    return json.loads(sys.argv[1])


if __name__ == "__main__":
    main(_settings())
