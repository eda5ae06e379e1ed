"""REINFORCE: a controller learns how likely each option should be."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.proposing import features as features_lib
from effnas.search.proposing import scalarise as scalarise_lib
from effnas.search.proposing import screening

_BINS = 8  # of a range


def propose(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
  *,
  rate: float = 0.6,
  decay: float = 0.8,
  scalarise: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
  """Draws from a softmax for each decision, learned from all trials in turn.

  The controller is factorised: decisions are independent of each other. Its
  logits are replayed from the trials at each proposal, so that nothing but them
  need be kept. Ranges are cut into eight parts.

  Args:
    space: The space.
    problem: One objective.
    trials: The trials to look at.
    rng: The source of chance.
    rate: The learning rate, of rewards in units of their standard deviation.
    decay: Of the moving average that is the baseline.
    scalarise: How several objectives become one, `{'targets': ...}` being
      MnasNet's reward; see `effnas.search.proposing.scalarise`.

  Reference:
    Williams 1992, "Simple statistical gradient-following algorithms for
    connectionist reinforcement learning"; Zoph and Le 2017, "Neural
    architecture search with reinforcement learning", arXiv:1611.01578; the
    factorised form is that of Dong and Yang 2020, arXiv:2001.00326.
  """
  done = screening.done(trials)
  rewards = -scalarise_lib.scores(problem, done, scalarise, 'reinforce')
  features = features_lib.Features(space)
  rows = features.rows(trial.arch for trial in done)
  widths = np.where(features.sizes, features.sizes, _BINS)
  ranges = (features.sizes == 0) & (rows >= 0)
  taken = np.where(ranges, np.minimum(rows * _BINS, _BINS - 1), rows)
  chances = _learn(taken.astype(int), rewards, widths, rate, decay)
  column = {key: i for i, key in enumerate(features.keys)}

  def decide(key, choice):
    i = column[key]
    option = rng.choice(widths[i], p=chances[i, : widths[i]])
    if features.sizes[i]:
      return choice.labels[option]
    return choice.decode(np.array([(option + rng.random()) / _BINS]))

  return space.walk(decide)


def _learn(
  taken: np.ndarray,
  rewards: np.ndarray,
  widths: np.ndarray,
  rate: float,
  decay: float,
) -> np.ndarray:
  """Returns the chance of each option, after one step for each trial.

  Args:
    taken: The options taken, shape (trials, decisions), -1 where inactive.
    rewards: Shape (trials,).
    widths: How many options there are, shape (decisions,).
    rate: The learning rate.
    decay: Of the baseline.

  Returns:
    Shape (decisions, options).
  """
  most = int(widths.max(initial=1))
  there = np.arange(most) < widths[:, None]
  logits = np.where(there, 0.0, -np.inf)

  def softmax():
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)

  baseline = rewards[0] if len(rewards) else 0.0
  for i, (options, reward) in enumerate(zip(taken, rewards, strict=True)):
    spread = rewards[: i + 1].std()
    if spread > 0:
      gain = np.clip((reward - baseline) / spread, -3, 3)
      active = options >= 0
      hit = np.arange(most) == options[:, None]
      gradient = np.where(active[:, None] & there, hit - softmax(), 0.0)
      logits = logits + rate * gain * gradient
    baseline = decay * baseline + (1 - decay) * reward
  return softmax()
