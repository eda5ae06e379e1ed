"""One file per data set; the file's name is the set's name.

A set's file holds one function, found by `effnas.data.load`:

    def load(path, verify, *, option=default) -> dataset.Raw

`path` is where its files lie (None: the set's usual place) and `verify` whether
a differing checksum stops. The other keyword arguments are the set's own
options. The parts of a set too large for the memory are `stream.Stream`s, which
decode what is read. Splitting, limiting and the statistics of the inputs are
not its task.
"""
