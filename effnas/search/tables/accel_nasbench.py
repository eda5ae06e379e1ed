"""Accel-NASBench: some networks of the MnasNet space, measured on accelerators.

The table is not complete: its problems are about its rows.
"""

import os

from effnas.search.tabular import table, table_file
from effnas.zoo import accel_nasbench

_SHA256 = '408ae39f615eac661dd53b39a5949014a478658e534cc197d101bfa3c03b5331'
_LICENCE = 'Accel-NASBench, Apache-2.0'
# Metric to column; behind ':' is the batch, where it is published.
_MEASURED = {
  'throughput@a100': 'throughput_a100',
  'throughput@rtx3090': 'throughput_3090',
  'throughput@tpu_v2:64': 'throughput_tpuv2',
  'throughput@tpu_v3:128': 'throughput_tpuv3',
  'throughput@zcu102': 'throughput_zcu102',
  'throughput@vck190': 'throughput_vck190',
  'latency_ms@zcu102': 'latency_zcu102',
  'latency_ms@vck190': 'latency_vck190',
}


def load(path: str | os.PathLike[str], *, verify: bool = True) -> table.Table:
  """Reads the table.

  Args:
    path: accel_nasbench_dev.csv.
    verify: Whether a checksum that differs from the published one stops.

  Returns:
    'accuracy' and 'top5' of a short training on ImageNet, as shares; 'params';
    'throughput@T' in images a second and 'latency_ms@T', nan where a network
    was not measured. The file's MACs are another counter's (with normalisation
    and pooling), so that 'macs' is not there. Of rows about one network the
    first counts.

  Raises:
    UserError: It is another file.

  Reference:
    Ahmad et al. 2024, arXiv:2404.08005.
  """
  rows, provenance = table_file.read(path, _SHA256, verify, _LICENCE)
  rows, archs = table_file.distinct(
    rows, table_file.archs(rows, accel_nasbench.arch, path)
  )
  columns = {
    'accuracy': table_file.column(rows, 'val_top1', path, 0.01),
    'top5': table_file.column(rows, 'val_top5', path, 0.01),
    'params': table_file.column(rows, 'params', path, 1e6),
  }
  for metric, name in _MEASURED.items():
    columns[metric] = table_file.column(rows, f'{name}.mean', path)
  space = accel_nasbench.space()
  return table.Table('Accel-NASBench', space, archs, columns, provenance)
