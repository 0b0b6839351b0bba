"""The command line: a thin client of what is below. Each command's module is imported when it is called."""
