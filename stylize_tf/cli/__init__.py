"""The command line: the only part of the package that knows flags, terminals and exit codes."""
