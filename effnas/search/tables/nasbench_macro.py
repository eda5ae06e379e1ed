"""NAS-Bench-Macro: all 6,561 networks, each trained three times on CIFAR-10."""

import os

from effnas.search.tabular import table, table_file
from effnas.zoo import nasbench_macro

_SHA256 = '686dee8363cc21cca8c1f321ad5749454f2d9b9ca5972682e137e539bc522297'
_LICENCE = 'NAS-Bench-Macro, Apache-2.0'


def load(path: str | os.PathLike[str], *, verify: bool = True) -> table.Table:
  """Reads the table.

  Args:
    path: nasbench_macro_cifar10.json.
    verify: Whether a checksum that differs from the published one stops.

  Returns:
    A complete table: 'accuracy', the mean of three trainings as a share;
    'params' and 'macs'. The benchmark has no validation split: its accuracies
    are of the test images, so that what is found here says how good a sampler
    is, and nothing about new images.

  Raises:
    UserError: It is another file.

  Reference:
    Su et al. 2021, arXiv:2103.11922.
  """
  rows, provenance = table_file.read(path, _SHA256, verify, _LICENCE)
  archs = table_file.archs(rows, nasbench_macro.arch, path)
  columns = {
    'accuracy': table_file.column(rows, 'mean_acc', path, 0.01),
    'params': table_file.column(rows, 'params', path),
    'macs': table_file.column(rows, 'flops', path),
  }
  space = nasbench_macro.space()
  return table.Table('NAS-Bench-Macro', space, archs, columns, provenance)
