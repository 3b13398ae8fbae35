"""One module a command: `SUMMARY`, the dataclasses of its flags in `FLAGS`, and `execute`."""
