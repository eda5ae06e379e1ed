"""What the table says by itself, beside what effnas counts."""

from typing import Any

import numpy as np

from effnas import footprint
from effnas.search.tabular import table as table_lib
from effnas.zoo import nasbench201


def of(table: table_lib.Table) -> dict[str, Any]:
  """Returns facts of NAS-Bench-201.

  Args:
    table: NAS-Bench-201 with CIFAR-10.
  """
  accuracy = table.values('accuracy')
  test = table.values('test_accuracy')
  best = int(accuracy.argmax())
  sizes = np.stack([table.values('params'), table.values('macs')], axis=1)
  distinct, first = np.unique(sizes, axis=0, return_index=True)
  counted = footprint.batch(
    table.space, [table.archs[i] for i in first], nasbench201.INPUT.shape
  )
  ours = np.stack([counted['params'], counted['macs']], axis=1)
  return {
    'cells': len(table.archs),
    'best': nasbench201.row(table.archs[best])['arch_str'],
    'best_accuracy': round(float(accuracy[best]), 6),
    'best_test_accuracy': round(float(test[best]), 6),
    'most_test_accuracy': round(float(test.max()), 6),
    'best_params': int(sizes[best, 0]),
    'best_macs': int(sizes[best, 1]),
    'within_one_point': int((accuracy >= accuracy[best] - 0.01).sum()),
    'sizes': len(distinct),
    'sizes_as_counted': int((ours == distinct).all(axis=1).sum()),
    'smallest': sizes.min(axis=0).astype(int).tolist(),
    'largest': sizes.max(axis=0).astype(int).tolist(),
    'rank_of_params': _spearman(sizes[:, 0], accuracy),
    'rank_of_macs': _spearman(sizes[:, 1], accuracy),
    'rank_of_test': _spearman(test, accuracy),
  }


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
  def ranks(values):
    _, at, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[at]

  return round(float(np.corrcoef(ranks(a), ranks(b))[0, 1]), 4)
