"""`pileus` on the command line; also `python -m pileus`."""

from pileus.cli.commands import main

if __name__ == "__main__":
    main()
