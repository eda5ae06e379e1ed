"""Rank correlations of proxies with accuracy, and their table."""

from collections.abc import Mapping, Sequence
import pathlib
from typing import Any

import numpy as np

from effnas.report import marked

# Spearman's rho over all cells, five a stage, with the accuracy after the whole
# training on CIFAR-10: Abdelfattah et al. 2021 (arXiv:2101.08134), as their
# notebook prints it: github.com/SamsungLabs/zero-cost-nas,
# notebooks/nasbench201_correlations.ipynb.
PUBLISHED = {
  'grad_norm': 0.594,
  'snip': 0.596,
  'synflow': 0.737,
  'jacob_cov': 0.731,
}


def spearman(a: np.ndarray, b: np.ndarray) -> float:
  """Returns Spearman's rho, equal values sharing their mean rank.

  Args:
    a: Values.
    b: Values beside them.
  """

  def ranks(values):
    _, at, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[at]

  return float(np.corrcoef(ranks(a), ranks(b))[0, 1])


def kendall(a: np.ndarray, b: np.ndarray) -> float:
  """Returns Kendall's tau-b.

  Args:
    a: Values.
    b: Values beside them.
  """
  first, second = (np.sign(x[:, None] - x[None]) for x in (a, b))
  norm = np.sqrt((first**2).sum() * (second**2).sum())
  return float((first * second).sum() / norm)


def of(
  cells: Mapping[str, Mapping[str, float]],
  names: Sequence[str],
  draws: int = 1000,
) -> dict[str, Any]:
  """Returns the correlations by proxy, with bootstrap intervals of 95 %.

  Args:
    cells: Scores and accuracy by cell.
    names: Proxies.
    draws: Of the bootstrap.

  Returns:
    By proxy 'spearman' and 'kendall', 'spearman_95' and 'kendall_95', their
    2.5 and 97.5 % points over draws of cells with replacement, and
    'spearman_upper_half', among the more accurate half of the cells.
  """
  rng = np.random.default_rng(0)
  rows = list(cells.values())
  accuracy = np.array([row['accuracy'] for row in rows])
  drawn = rng.integers(len(rows), size=(draws, len(rows)))
  upper = accuracy >= np.median(accuracy)
  found = {}
  for name in names:
    scores = np.array([row[name] for row in rows])
    rhos = [spearman(scores[d], accuracy[d]) for d in drawn]
    taus = [kendall(scores[d], accuracy[d]) for d in drawn]
    found[name] = {
      'spearman': round(spearman(scores, accuracy), 4),
      'spearman_95': np.quantile(rhos, (0.025, 0.975)).round(4).tolist(),
      'kendall': round(kendall(scores, accuracy), 4),
      'kendall_95': np.quantile(taus, (0.025, 0.975)).round(4).tolist(),
      'spearman_upper_half': round(spearman(scores[upper], accuracy[upper]), 4),
    }
  return found


def table(results: Mapping[str, Any]) -> str:
  """Returns the table of the README.

  Args:
    results: What proxies.json holds.
  """
  found = results['correlations']
  lines = [
    "| proxy | Spearman's rho | Kendall's tau | rho, better half | published "
    'rho |',
    '|---' * 5 + '|',
  ]

  def interval(values, name):
    low, high = values[f'{name}_95']
    return f'{values[name]:.2f} ({low:.2f} to {high:.2f})'

  for name in sorted(found, key=lambda name: -found[name]['spearman']):
    values = found[name]
    lines.append(
      f'| {name} | {interval(values, "spearman")} | '
      f'{interval(values, "kendall")} | '
      f'{values["spearman_upper_half"]:.2f} | {PUBLISHED.get(name, "")} |'
    )
  lines += [
    '',
    f'{len(results["cells"])} cells, {results["depth"]} a stage, one batch of '
    f'{results["batch"]} images.',
  ]
  return '\n'.join(lines) + '\n'


def renew(path: pathlib.Path, results: Mapping[str, Any]) -> None:
  """Puts the table between its marks in a README.

  Args:
    path: The README.
    results: What proxies.json holds.
  """
  marked.renew(path, {'proxies': table(results)})
