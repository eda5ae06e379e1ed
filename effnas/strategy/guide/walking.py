"""The walk: step by step from a network to one that is to be recommended."""

from collections.abc import Callable, Sequence
import dataclasses
import logging
import os
import pathlib
from typing import Any

from effnas import errors, search
from effnas.search import identity
from effnas.search.networks import network_trials, training
from effnas.strategy.guide import choosing, foresee, step, steps, trials
from effnas.strategy.guide import here as here_lib
from effnas.strategy.guide import plan as plan_lib
from effnas.strategy.guide import point as point_lib

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Walk:
  """A walk along the frontier.

  Attributes:
    plan: What it was for.
    rows: Of each step, the baseline first.
    tried: Every network of every step, the baseline first.
    front: Those that no other one dominates, cheapest first.
    chosen: The network to take.
    tests: Quality on the test split of the baseline and of the chosen network.
  """

  plan: plan_lib.Plan
  rows: Sequence[here_lib.Row]
  tried: Sequence[here_lib.Tried]
  front: Sequence[here_lib.Tried]
  chosen: here_lib.Tried
  tests: tuple[dict[str, float], dict[str, float]]

  @property
  def baseline(self) -> here_lib.Tried:
    """The network that it started from."""
    return self.tried[0]

  @property
  def floor(self) -> float:
    """The least quality that shrinking keeps."""
    return floor(self.plan, self.baseline)

  @property
  def path(self) -> list[here_lib.Tried]:
    """The networks that it went by, the baseline first."""
    return [row.after for row in self.rows if row.kept and row.after]

  def way(self, one: here_lib.Tried) -> list[str]:
    """Returns all that makes a network another than the baseline, in words."""
    names = [row.step for row in self.rows]
    rows = self.rows[: names.index(one.step)]
    passed = [row.after for row in rows if row.kept and row.after]
    kinds = {row.step: row.kind for row in self.rows}
    improved = [
      t.said for t in (*passed, one) if kinds[t.step] == 'improve' and t.said
    ]
    return [*_size(self.plan, one.point), *improved]


def _size(plan: plan_lib.Plan, point: point_lib.Point) -> list[str]:
  """Says how a network is smaller or larger than the one of the start."""
  words, axis = [], plan.axis
  if axis.now(point) != axis.now(plan.start):
    words.append(axis.said(axis.now(point)))
  own = {k: v for k, v in point.arch.items() if k != axis.key}
  if any(plan.start.arch.get(k) != v for k, v in own.items()):
    words.append('another network')
  if 'prune' in point.order:
    share = 100 * point.get('compress.prune.sparsity')
    words.append(f'{share:.3g} % pruned')
  bits = point.get('quant.weights')
  if 'quantize' in point.order:
    words.append(f'{point.get("compress.quantize.weights")} bits')
  elif bits != plan.start.get('quant.weights'):
    words.append(f'{bits} bits')
  return words


def floor(plan: plan_lib.Plan, baseline: here_lib.Tried) -> float:
  """Returns the least quality that shrinking keeps, from 0 to 1."""
  # A little less: 0.98 - 0.005 is more than 0.975.
  return baseline.values[plan.quality] - plan.keep / 100 - 1e-9


def walk(
  plan: plan_lib.Plan,
  workdir: pathlib.Path,
  *,
  on_step: Callable[[int, str], None] | None = None,
  on_row: Callable[[here_lib.Row], None] | None = None,
  accept_changes: bool = False,
) -> Walk:
  """Walks, or goes on with the walk that the workdir holds.

  Args:
    plan: What it is for; see `effnas.strategy.guide.plan.make`.
    workdir: Receives a search's folder for each step, `steps/N_NAME`.
    on_step: Called with number and name of each step before its search.
    on_row: Called with each row.
    accept_changes: As for `effnas.search.run`, of each step.

  Returns:
    The walk, its choice tested.

  Raises:
    UserError: The config does not fit, or the budget is below the smallest
      network.
  """
  foresee.check(plan)
  rows: list[here_lib.Row] = []
  tried: list[here_lib.Tried] = []

  def told(row: here_lib.Row) -> None:
    rows.append(row)
    if on_row is not None:
      on_row(row)

  def searched(number: int, name: str, made: step.Step) -> str:
    if on_step is not None:
      on_step(number, name)
    folder = f'steps/{number}_{name}'
    found = _tried(name, made, workdir, folder, accept_changes)
    tried.extend(found)
    return folder

  folder = searched(0, here_lib.BASELINE, first(plan))
  if not tried:
    raise errors.UserError(
      f'the baseline failed; see {workdir / folder}/trials.jsonl'
    )
  told(
    here_lib.Row(
      here_lib.BASELINE, 'start', None, tried[0], True, '', 1, folder
    )
  )
  at, least = tried[0], floor(plan, tried[0])
  for number, name in enumerate(plan.steps, 1):
    module = steps.load(name)
    here = here_lib.Here(at, tuple(rows))
    try:
      made = module.make(plan, here)
    except step.Skip as e:
      told(here_lib.Row(name, module.KIND, at, None, False, str(e)))
      continue
    before = len(tried)
    folder = searched(number, name, made)
    own = tried[before:]
    found, why = choosing.choose(module.KIND, plan, least, at, own)
    told(
      here_lib.Row(name, module.KIND, at, found, not why, why, len(own), folder)
    )
    if found is not None and not why:
      at = found
  chosen = choosing.recommend(plan, least, tried)
  tests = _tested(tried[0], rows, workdir), _tested(chosen, rows, workdir)
  return Walk(plan, rows, tried, choosing.front(plan, tried), chosen, tests)


def first(plan: plan_lib.Plan) -> step.Step:
  """Returns the step that trains the baseline, or takes its weights."""
  return step.listed({'': plan.start}, plan.search())


def _tried(
  name: str,
  made: step.Step,
  workdir: pathlib.Path,
  folder: str,
  accept_changes: bool,
) -> list[here_lib.Tried]:
  """Runs the search of a step, or reads it where it is finished."""
  where = workdir / folder
  problem = network_trials.problem(trials.found_from(where, made.config))
  trained = made.config.get('guide', {}).get('trained')
  if trained is not None:
    file = os.path.normpath(where / trained)
    digest = identity.of_file(file, 'the weights file')
    told = {**problem.identity, 'guide.trained': digest}
    problem = dataclasses.replace(problem, identity=told)
  found = search.run(
    made.config,
    where,
    evaluate=trials.EVALUATE,
    problem=problem,
    accept_changes=accept_changes,
  )
  tried = []
  for trial in found:
    if trial.status != 'done':
      if trial.status == 'failed':
        _log.warning('trial %d of %s failed: %s', trial.id, name, trial.reason)
      continue
    point = made.point(trial.arch)
    if not point.order and point.float:
      own = training.folder(folder, trial.id) / training.WEIGHTS
      point = dataclasses.replace(point, trained=own.as_posix())
    values = {
      key: value
      for key, value in {**trial.footprint, **trial.metrics}.items()
      if isinstance(value, int | float) and not isinstance(value, bool)
    }
    tried.append(
      here_lib.Tried(
        name,
        trial.id,
        made.said(trial.arch),
        values,
        point,
        made.config,
        trial.arch,
        trial.sources,
      )
    )
  return tried


def _tested(
  one: here_lib.Tried, rows: Sequence[here_lib.Row], workdir: pathlib.Path
) -> dict[str, float]:
  """Evaluates a network's weights file on the test split."""
  folder = next(row.folder for row in rows if row.step == one.step)
  own: Any = training.folder(workdir / folder, one.trial)
  return training.test_weights(one.config, one.arch, own)
