"""The tables of the README, out of the results."""

from collections.abc import Mapping, Sequence
import pathlib
from typing import Any

import digits
import numpy as np
from scipy import stats
import text

from effnas.learn.self_supervision.pretexts import next_token
from effnas.report import marked


def tables(results: Mapping[str, Any]) -> dict[str, str]:
  """Returns the README's tables by name, as Markdown.

  Args:
    results: What results.json holds.
  """
  return {
    'labels': _labels(results['digits']),
    'pretexts': _pretexts(results['digits']),
    'text': _text(results['text']),
  }


def renew(path: pathlib.Path, results: Mapping[str, Any]) -> None:
  """Puts the tables between their marks in a README; none is no error.

  Args:
    path: The README.
    results: What results.json holds.
  """
  marked.renew(path, tables(results))


def accuracies(
  found: Mapping[str, Any], start: str, augmented: str
) -> np.ndarray:
  """Returns test accuracies, shape (seeds, label counts).

  Args:
    found: The digits' results.
    start: One of `digits.STARTS`.
    augmented: One of `digits.AUGMENT`.
  """
  return np.array([each['test'][start][augmented] for each in found.values()])


def interval(values: Sequence[float]) -> tuple[float, float]:
  """Returns the mean, and half the width of its 95 % interval (Student's t).

  Args:
    values: One for each seed, two or more.
  """
  error = np.std(values, ddof=1) / len(values) ** 0.5
  half = stats.t.ppf(0.975, len(values) - 1) * error
  return float(np.mean(values)), float(half)


def _against(ours: Sequence[float], theirs: Sequence[float]) -> str:
  mean, half = interval([a - b for a, b in zip(ours, theirs, strict=True)])
  word = 'win' if mean > half else 'loss' if mean < -half else 'even'
  return f'{100 * mean:+.1f} ± {100 * half:.1f} {word}'


def _labels(found: Mapping[str, Any]) -> str:
  counts = ' | '.join(str(labels) for labels in digits.LABELS)
  lines = [
    f'| start | with labels | {counts} |',
    '|---' * (len(digits.LABELS) + 2) + '|',
  ]
  for augmented in digits.AUGMENT:
    plain = accuracies(found, 'scratch', augmented)
    for start in digits.STARTS:
      values = accuracies(found, start, augmented)
      told = [interval(column) for column in values.T]
      cells = [f'{100 * mean:.1f} ± {100 * half:.1f}' for mean, half in told]
      lines.append(f'| {start} | {augmented} | {" | ".join(cells)} |')
      if start == 'scratch':
        continue
      gains = [
        _against(ours, theirs)
        for ours, theirs in zip(values.T, plain.T, strict=True)
      ]
      lines.append(f'| *minus scratch* | {augmented} | {" | ".join(gains)} |')
  return '\n'.join(lines) + '\n'


def _pretexts(found: Mapping[str, Any]) -> str:
  lines = [
    '| pre-training | epochs | loss at the end, nats | right, % | CPU s |',
    '|---|---|---|---|---|',
  ]
  for name, (_, _, epochs, _) in digits.PRETEXTS.items():
    noted = [each['pretexts'][name] for each in found.values()]
    mean = {key: np.mean([each[key] for each in noted]) for key in noted[0]}
    lines.append(
      f'| {name} | {epochs} | {mean["loss"]:.3f} | '
      f'{100 * mean["accuracy"]:.1f} | {mean["seconds"]:.0f} |'
    )
  return '\n'.join(lines) + '\n'


def _text(found: Mapping[str, Any]) -> str:
  lines = [
    '| what | valid, bits a character | test | valid, perplexity | steps | '
    'CPU s |',
    '|---|---|---|---|---|---|',
  ]

  def line(name: str, valid: float, test: str, rest: str) -> str:
    bits = next_token.bits_per_character(valid)
    return (
      f'| {name} | {bits:.3f} | {test} | {next_token.perplexity(valid):.2f} | '
      f'{rest} |'
    )

  if 'counted' in found:
    lines += [
      line(f'counted: {name}', nats, '', ' | ')
      for name, nats in found['counted'].items()
    ]
  lines.append(line('nanoGPT, published', text.PUBLISHED, '', '2000 | '))
  for task in text.TASKS:
    if task not in found:
      continue
    each = found[task]
    test = f'{next_token.bits_per_character(each["test"]):.3f}'
    rest = f'{each["steps"]} | {each["seconds"]}'
    name = task.replace('_', ' ')
    lines.append(line(f'**{name}**', each['valid'], test, rest))
  return '\n'.join(lines) + '\n'
