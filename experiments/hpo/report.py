"""The tables of the README, out of the results."""

from collections.abc import Mapping, Sequence
import pathlib
from typing import Any

import methods
import numpy as np
from scipy import stats
import tasks

from effnas.report import marked


def tables(results: Mapping[str, Any]) -> dict[str, str]:
  """Returns the README's tables by name, as Markdown.

  Args:
    results: What results.json holds.
  """
  return {
    'curves': '\n'.join(
      _curves(name, found) for name, found in results['tasks'].items()
    ),
    'facts': _facts(results['tasks']),
  }


def renew(path: pathlib.Path, results: Mapping[str, Any]) -> None:
  """Puts the tables between their marks in a README; none is no error.

  Args:
    path: The README.
    results: What results.json holds.
  """
  marked.renew(path, tables(results))


def interval(values: Sequence[float]) -> tuple[float, float]:
  """Returns the mean, and half the width of its 95 % interval (Student's t).

  Args:
    values: One for each seed, two or more.
  """
  error = np.std(values, ddof=1) / len(values) ** 0.5
  half = stats.t.ppf(0.975, len(values) - 1) * error
  return float(np.mean(values)), float(half)


def difference(
  ours: Sequence[float], theirs: Sequence[float]
) -> tuple[float, float]:
  """Returns the `interval` of the difference, paired by seed.

  Args:
    ours: One for each seed from 0.
    theirs: Likewise; those of further seeds are left out.
  """
  pairs = zip(ours, theirs, strict=False)
  return interval([a - b for a, b in pairs])


def _said(values: tuple[float, float]) -> str:
  return f'{100 * values[0]:.2f} ± {100 * values[1]:.2f}'


def _against(values: tuple[float, float]) -> str:
  mean, half = values
  word = 'win' if mean > half else 'loss' if mean < -half else 'even'
  return f'{100 * mean:+.2f} ± {100 * half:.2f} {word}'


def level(found: Mapping[str, Any], wanted: float) -> str:
  """Returns after how many epochs a mean curve has come so far, or a dash.

  Args:
    found: A method's results.
    wanted: The accuracy.
  """
  for i, mean in enumerate(found['mean'], 1):
    if mean is not None and mean >= wanted:
      return str(i * methods.STEP)
  return '-'


def _curves(name: str, task: Mapping[str, Any]) -> str:
  epochs = ' | '.join(f'{share:.0%}' for share in methods.SHOWN)
  lines = [
    f'**{name}**',
    '',
    f'| method | seeds | {epochs} | minus random | random at its end, after '
    '| test | test minus random | s a search |',
    '|---' * (len(methods.SHOWN) + 7) + '|',
  ]
  chance = task['methods']['random']
  for method, found in task['methods'].items():
    shown = np.array(found['shown'])
    cells = [_said(interval(column)) for column in shown.T]
    if method == 'random':
      gains = ['', str(methods.BUDGET), _said(interval(found['test'])), '']
    else:
      gains = [
        _against(difference(shown[:, -1], np.array(chance['shown'])[:, -1])),
        level(found, chance['mean'][-1]),
        _said(interval(found['test'])),
        _against(difference(found['test'], chance['test'])),
      ]
    lines.append(
      f'| {method} | {found["seeds"]} | {" | ".join(cells + gains)} | '
      f'{found["seconds"]:.2f} |'
    )
  exact = ' | '.join(
    f'{100 * task["facts"]["expected"][round(s * methods.FULL) - 1]:.2f}'
    for s in methods.SHOWN
  )
  lines.append(f'| *random, exact* | all | {exact} | | | | | |')
  return '\n'.join(lines) + '\n'


def _facts(found: Mapping[str, Any]) -> str:
  def arch(value: Mapping[str, Any]) -> str:
    return ', '.join(f'{k.split(".")[-1]} {v}' for k, v in value.items())

  def percent(key: str) -> Any:
    return lambda f: f'{100 * f[key]:.2f} %'

  rungs = ', '.join(str(e) for e in tasks.RUNGS[:-1])
  rows = (
    ('points; of these diverged', lambda f: f'{f["points"]}; {f["diverged"]}'),
    ('best on validation images', lambda f: arch(f['best'])),
    ('its validation accuracy', percent('best_valid')),
    ('its test accuracy', percent('best_test')),
    ('the most test accuracy of all points', percent('most_test')),
    ('median validation accuracy', percent('median_valid')),
    (
      'points within half a point of the best',
      lambda f: str(f['within_half_point']),
    ),
    (
      "Spearman's rho of the accuracy at the end with that after "
      f'{rungs} epochs; with the test accuracy',
      lambda f: (
        ', '.join(f'{r:.2f}' for r in f['rank_of_rungs'])
        + f'; {f["rank_of_test"]:.2f}'
      ),
    ),
  )
  lines = [
    '| | ' + ' | '.join(found) + ' |',
    '|---' * (len(found) + 1) + '|',
  ]
  for said, cell in rows:
    cells = ' | '.join(cell(task['facts']) for task in found.values())
    lines.append(f'| {said} | {cells} |')
  return '\n'.join(lines) + '\n'
