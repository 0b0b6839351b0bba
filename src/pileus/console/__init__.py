"""The web console: what the cloud holds, to look at and to change, in a browser.

It is a client like any other. A visitor is somebody: whose access key was given at the sign-in, or (with `--auth local`,
on this machine) the account's root, as whoever has the key `test` is. Pages ask public operations in their name, so a
denial here is the denial that the AWS CLI would get. The console keeps nothing: no state of its own, and no rights.

What a page of the internet could make a browser do is kept out at one place, `visitors.py`.

A service's pages lie in its own folder, `services/<name>/console/` (`kernel/pages.py` says what they are made of); this is
the shell: who visits (`visitors.py`), which page (`shell.py`), what it looks like (`rendering.py`, `templates/`, `static/`).
"""
