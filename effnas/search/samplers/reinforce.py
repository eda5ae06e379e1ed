"""REINFORCE: a controller learns how likely each option should be."""

from collections.abc import Mapping, Sequence
import functools
from typing import Any

import numpy as np

from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.proposing import features as features_lib
from effnas.search.proposing import scalarise as scalarise_lib
from effnas.search.proposing import screening

_BINS = 8  # of a range
_TRIES = 50  # draws for one trial, of which the last is even
_PIECE = 32  # trials whose replay is remembered together


def propose(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
  *,
  rate: float = 0.2,
  decay: float = 0.8,
  scalarise: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
  """Draws from a softmax for each decision, learned from all trials in turn.

  The controller is factorised: decisions are independent of each other. Its
  logits are those of a replay of the trials, so that nothing but them need be
  kept. Ranges are cut into eight parts. Where a draw was tried before, the next
  one is a little more even, so that a controller which has made up its mind
  still finds something new.

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

  def draw(evenness):
    def decide(key, choice):
      i = column[key]
      likely = chances[i, : widths[i]]
      even = rng.random() < evenness
      option = rng.choice(widths[i], p=None if even else likely)
      if features.sizes[i]:
        return choice.labels[option]
      return choice.decode(np.array([(option + rng.random()) / _BINS]))

    return space.walk(decide)

  drawn = (draw(i / (_TRIES - 1)) for i in range(_TRIES))
  found = screening.first_new(problem, drawn, screening.tried(trials))
  return space.sample(rng) if found is None else found


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
  steps = rate * _gains(rewards, decay)
  most = int(widths.max(initial=1))
  there = np.arange(most) < widths[:, None]
  logits = np.where(there, 0.0, -np.inf)
  found = logits.tobytes()
  for i in range(0, len(taken), _PIECE):
    piece = slice(i, i + _PIECE)
    whole = i + _PIECE <= len(taken)
    follow = _replay if whole else _replay.__wrapped__
    options = taken[piece].astype(np.int32)
    found = follow(
      logits.shape, found, options.tobytes(), steps[piece].tobytes()
    )
  return _softmax(np.frombuffer(found).reshape(logits.shape))


@functools.lru_cache(maxsize=1024)
def _replay(
  shape: tuple[int, ...], logits: bytes, taken: bytes, steps: bytes
) -> bytes:
  """Returns the logits after some steps of the policy gradient.

  Args:
    shape: Of the logits, (decisions, options).
    logits: Before the steps, float64.
    taken: The options taken, int32, of shape (steps, decisions).
    steps: The lengths of the steps, float64.
  """
  found = np.frombuffer(logits).reshape(shape).copy()
  options = np.frombuffer(taken, np.int32).reshape(-1, shape[0])
  lengths = np.frombuffer(steps)
  active = options >= 0
  hits = np.arange(shape[1]) == options[..., None]
  for hit, here, length in zip(hits, active, lengths, strict=True):
    if length:
      found += length * here[:, None] * (hit - _softmax(found))
  return found.tobytes()


def _gains(rewards: np.ndarray, decay: float) -> np.ndarray:
  """Returns how far each reward is above the baseline at its time.

  In standard deviations of the rewards up to there, 3 at most.

  Args:
    rewards: Shape (trials,).
    decay: Of the baseline.
  """
  if not len(rewards):
    return rewards
  moved = rewards - rewards[0]
  count = np.arange(1, len(moved) + 1)
  mean = moved.cumsum() / count
  spread = np.sqrt(np.maximum((moved**2).cumsum() / count - mean**2, 0))
  baseline = np.zeros(len(moved))
  for i in range(1, len(moved)):
    baseline[i] = decay * baseline[i - 1] + (1 - decay) * moved[i - 1]
  apart = spread > 1e-9 * np.abs(moved).max()
  gains = (moved - baseline) / np.where(apart, spread, 1.0)
  return np.clip(np.where(apart, gains, 0.0), -3, 3)


def _softmax(logits: np.ndarray) -> np.ndarray:
  raised = np.exp(logits - logits.max(axis=1, keepdims=True))
  return raised / raised.sum(axis=1, keepdims=True)
