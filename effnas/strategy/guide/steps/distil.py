"""The best network so far teaches the one where the walk stands.

Reference:
  Hinton et al., 2015, https://arxiv.org/abs/1503.02531
"""

import pathlib

from effnas.strategy.guide import offering

KIND = 'improve'
# Temperature, weight of the soft labels, weight of the labels.
_OFFERED = ((2.0, 0.5, 0.5), (4.0, 0.9, 0.1))


def make(plan, here):
  """Tries a mild and a strong distillation."""
  rows = [row for row in here.rows if row.kept and row.after is not here.at]
  if not rows:
    rows = [row for row in here.rows if row.kept]
  best = max(rows, key=lambda row: row.after.values[plan.quality])
  name = pathlib.PurePath(best.folder).name
  teacher = {'workdir': f'../{name}', 'trial': best.after.trial}
  candidates = {}
  for temperature, alpha, hard in _OFFERED:
    distill = {
      'teacher': teacher,
      'temperature': temperature,
      'alpha': alpha,
      'hard': hard,
    }
    said = f'distilled from {best.after.name} at T = {temperature:g}'
    candidates[said] = here.point.taught(distill, name)
  return offering.each(plan, candidates, 'there is no teacher')
