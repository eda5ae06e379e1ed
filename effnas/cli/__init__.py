"""The command line: one file in `commands/` for each command.

`main.run` is the entry point. Standard output carries the data, standard error
the rest; bad input is one line there and exit code 2.
"""
