"""The Python runtime as a program of its own, for functions whose variables only work from a process's start on."""

import json
import os
import sys

if __name__ == "__main__":
    settings = json.loads(sys.argv[1])
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    from bootstraps import python_loop

    python_loop.main(settings)
