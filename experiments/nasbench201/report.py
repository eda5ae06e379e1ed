"""The tables of the README, out of the results."""

import pathlib
from typing import Any

import methods

from effnas.report import marked

_SHOWN = (50, 100, 150, 200, 300)


def tables(results: dict[str, Any]) -> dict[str, str]:
  """Returns the README's tables by name, as Markdown.

  Args:
    results: What results.json holds.
  """
  return {'curves': _curves(results), 'facts': _facts(results['facts'])}


def renew(path: pathlib.Path, results: dict[str, Any]) -> None:
  """Puts the tables between their marks in a README; none is no error.

  Args:
    path: The README.
    results: What results.json holds.
  """
  marked.renew(path, tables(results))


def _curves(results: dict[str, Any]) -> str:
  at = [results['evaluations'].index(n) for n in _SHOWN]
  lines = [
    '| sampler | seeds | '
    + ' | '.join(str(n) for n in _SHOWN)
    + ' | finds the best | test accuracy | s a search |',
    '|---' * (len(_SHOWN) + 5) + '|',
  ]

  def cells(means, errors):
    return ' | '.join(
      f'{100 * means[i]:.2f} ± {100 * errors[i]:.2f}' for i in at
    )

  for name in methods.METHODS:
    found = results['samplers'].get(name)
    if found:
      lines.append(
        f'| {name} | {found["seeds"]} | '
        f'{cells(found["mean"], found["error"])} | '
        f'{100 * found["found"]:.0f} % | {100 * found["test"]:.2f} | '
        f'{found["seconds"]:.2f} |'
      )
  exact = ' | '.join(f'{100 * results["expected"]["mean"][i]:.2f}' for i in at)
  lines.append(f'| *random, exact* | all | {exact} | | | |')
  return '\n'.join(lines) + '\n'


def _facts(facts: dict[str, Any]) -> str:
  def size(pair):
    return f'{pair[0]:,} parameters, {pair[1]:,} MACs'

  rows = (
    ('cells', f'{facts["cells"]:,}'),
    (
      'best on validation images',
      '`' + facts['best'].replace('|', r'\|') + '`',
    ),
    ('its validation accuracy', f'{100 * facts["best_accuracy"]:.2f} %'),
    (
      'its test accuracy; the most of all cells',
      f'{100 * facts["best_test_accuracy"]:.2f} %; '
      f'{100 * facts["most_test_accuracy"]:.2f} %',
    ),
    ('its size', size((facts['best_params'], facts['best_macs']))),
    ('cells within one point of it', str(facts['within_one_point'])),
    ('smallest', size(facts['smallest'])),
    ('largest', size(facts['largest'])),
    (
      'different sizes; of these as effnas counts them',
      f'{facts["sizes"]}; {facts["sizes_as_counted"]}',
    ),
    (
      "Spearman's rho with the validation accuracy: parameters; MACs; test "
      'accuracy',
      f'{facts["rank_of_params"]:.3f}; {facts["rank_of_macs"]:.3f}; '
      f'{facts["rank_of_test"]:.3f}',
    ),
  )
  lines = ['| | |', '|---|---|', *(f'| {a} | {b} |' for a, b in rows)]
  return '\n'.join(lines) + '\n'
