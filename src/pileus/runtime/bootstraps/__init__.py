"""What runs inside the sandbox. Imports nothing of Pileus and nothing beyond the standard library, from Python 3.10 on:

the interpreter that runs it is the function's, not ours. Inside the sandbox this folder is /var/runtime/bootstraps.
"""
