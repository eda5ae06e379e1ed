"""The tables of the README, out of the results."""

import pathlib
from typing import Any

import methods
import numpy as np
from scipy import stats

from effnas.report import marked


def tables(results: dict[str, Any]) -> dict[str, str]:
  """Returns the README's tables by name, as Markdown.

  Args:
    results: What results.json holds.
  """
  return {
    'shares': '\n'.join(
      _shares(name, task) for name, task in results['tasks'].items()
    ),
    'differences': '\n'.join(
      _differences(name, task) for name, task in results['tasks'].items()
    ),
    'settings': _settings(results['chosen']),
  }


def renew(path: pathlib.Path, results: dict[str, Any]) -> None:
  """Puts the tables between their marks in a README; none is no error.

  Args:
    path: The README.
    results: What results.json holds.
  """
  marked.renew(path, tables(results))


def difference(ours: Any, theirs: Any) -> tuple[float, float, float]:
  """Returns the mean difference, paired by seed, and its 95 % interval.

  Args:
    ours: Values by seed.
    theirs: Values by seed; the seeds that both have are compared.

  Returns:
    Mean, lower and upper end, by Student's t.
  """
  many = min(len(ours), len(theirs))
  apart = np.array(ours[:many]) - np.array(theirs[:many])
  half = stats.t.ppf(0.975, many - 1) * apart.std(ddof=1) / many**0.5
  middle = apart.mean()
  return float(middle), float(middle - half), float(middle + half)


def _shares(name: str, task: dict[str, Any]) -> str:
  shown = ' | '.join(str(n) for n in methods.SHOWN)
  lines = [
    f'**{name}** (the true front has {task["front"]} points)',
    '',
    f'| method | seeds | {shown} | s a search |',
    '|---' * (len(methods.SHOWN) + 3) + '|',
  ]
  for method, found in task['methods'].items():
    values = 100 * np.array(found['shown'])
    error = values.std(axis=0, ddof=1) / len(values) ** 0.5
    cells = ' | '.join(
      f'{m:.2f} ± {e:.2f}'
      for m, e in zip(values.mean(axis=0), error, strict=True)
    )
    lines.append(
      f'| {_named(method)} | {found["seeds"]} | {cells} | '
      f'{found["seconds"]:.2f} |'
    )
  exact = ' | '.join(f'{100 * value:.2f}' for value in task['expected'])
  lines.append(f'| *random, exact* | all | {exact} | |')
  return '\n'.join(lines) + '\n'


def _differences(name: str, task: dict[str, Any]) -> str:
  peers = [m for m in methods.PEERS if m in task['methods']]
  if not peers:
    return ''
  lines = [
    f'**{name}**, after {methods.SHOWN[-1]} evaluations',
    '',
    '| ours | ' + ' | '.join(_named(peer) for peer in peers) + ' |',
    '|---' * (len(peers) + 1) + '|',
  ]
  for method in methods.OURS:
    if method not in task['methods']:
      continue
    ours = [row[-1] for row in task['methods'][method]['shown']]
    cells = []
    for peer in peers:
      theirs = [row[-1] for row in task['methods'][peer]['shown']]
      mean, low, high = (100 * x for x in difference(ours, theirs))
      word = 'win' if low > 0 else 'loss' if high < 0 else 'even'
      cells.append(f'{mean:+.2f} ({low:+.2f} to {high:+.2f}) {word}')
    lines.append(f'| {_named(method)} | ' + ' | '.join(cells) + ' |')
  return '\n'.join(lines) + '\n'


def _settings(chosen: dict[str, Any]) -> str:
  lines = ['| method | chosen | tried |', '|---|---|---|']
  for method in methods.METHODS:
    if method in chosen:
      found = chosen[method]
      tried = '; '.join(
        f'{_said(args)}{"" if share is None else f" {100 * share:.2f}"}'
        for args, share in found['tried']
      )
      said = _said(found['args'])
      lines.append(f'| {_named(method)} | {said} | {tried} |')
  return '\n'.join(lines) + '\n'


def _said(args: dict[str, Any]) -> str:
  return ', '.join(f'{k} {v}' for k, v in args.items()) or 'default'


def _named(method: str) -> str:
  if method in methods.OURS:
    return method
  return {
    'optuna_nsga2': "Optuna's NSGA-II",
    'optuna_tpe': "Optuna's TPE",
    'pymoo_nsga2': "pymoo's NSGA-II",
    'syne_tune_evolution': "Syne Tune's evolution",
  }[method]
