"""Data sets behind one interface: real loaders, checksums, a fixed split.

`load('digits')` works offline; `names()` lists the sets. Adding a set is adding
one file to `effnas/data/sets/`.
"""

from effnas.data.dataset import Dataset as Dataset
from effnas.data.dataset import Split as Split
from effnas.data.loader import load as load
from effnas.data.loader import names as names
