"""Early stopping."""

import types

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors, train
from effnas.train import evaluation, stopping


def _history(*accuracies):
  return [
    {'epoch': i + 1, **({} if a is None else {'accuracy': a})}
    for i, a in enumerate(accuracies)
  ]


def test_the_rule():
  rising = _history(0.1, 0.2, 0.3)
  assert not stopping.over(rising, 1)
  assert stopping.best(rising) == 3
  flat = _history(0.1, 0.3, 0.3, 0.2)
  assert stopping.best(flat) == 2  # the first of equals
  assert stopping.over(flat, 2)
  assert not stopping.over(flat, 3)
  assert not stopping.over(flat, 0)
  # Epochs that were not evaluated end nothing, but they count.
  assert not stopping.over(_history(0.3, None), 1)
  assert stopping.over(_history(0.3, None, 0.2), 2)
  assert not stopping.over([], 1)


class Counted(linen.Module):
  """Counts its steps, of which an epoch has one here."""

  @linen.compact
  def __call__(self, x, train=False):
    seen = self.variable('seen', 'epochs', jnp.zeros, ())
    if train:
      seen.value += 1
    return linen.Dense(2)(x)


def _fit(monkeypatch, accuracies, folder=None, on_epoch=None, **changes):
  """Trains under accuracies that are made up, one for each epoch."""
  monkeypatch.setattr(
    evaluation,
    'evaluate',
    lambda net, variables, split, dataset: {
      'accuracy': accuracies[int(variables['seen']['epochs']) - 1]
    },
  )

  split = types.SimpleNamespace(
    x=np.ones((4, 3), np.float32), y=np.array([0, 1, 0, 1])
  )
  data = types.SimpleNamespace(
    train=split, valid=split, kind='vector', prepare=jnp.asarray
  )
  settings = {'epochs': 6, 'batch_size': 4, 'eval_every': 1} | changes
  return train.fit(
    Counted(), data, checkpoint_dir=folder, on_epoch=on_epoch, **settings
  )


def test_ends_early_and_keeps_the_best(monkeypatch):
  accuracies = [0.2, 0.5, 0.4, 0.5, 0.9, 0.9]
  fitted = _fit(monkeypatch, accuracies, stop_after=2)
  assert fitted.stopped_epoch == len(fitted.history) == 4
  assert fitted.variables['seen']['epochs'] == 2
  patient = _fit(monkeypatch, accuracies, stop_after=3)
  assert patient.stopped_epoch == 6
  assert patient.variables['seen']['epochs'] == 5
  never = _fit(monkeypatch, accuracies)
  assert never.stopped_epoch is None
  assert never.variables['seen']['epochs'] == 6


def test_a_training_that_was_cut_off_stops_where_it_would_have(
  monkeypatch, tmp_path
):
  class Stop(Exception):
    pass

  def stop(epoch, _):
    if epoch == 3:
      raise Stop

  accuracies = [0.2, 0.5, 0.4, 0.5, 0.9, 0.9]
  whole = _fit(monkeypatch, accuracies, stop_after=2)
  with pytest.raises(Stop):
    _fit(monkeypatch, accuracies, tmp_path, stop, stop_after=2)
  for _ in range(2):  # on its way, and when it is done
    resumed = _fit(monkeypatch, accuracies, tmp_path, stop_after=2)
    assert resumed.stopped_epoch == whole.stopped_epoch
    jax.tree.map(
      np.testing.assert_array_equal, resumed.variables, whole.variables
    )


@pytest.mark.parametrize(
  ('changes', 'words'),
  [
    ({'stop_after': -1}, 'a number of epochs, or 0 to train through; got -1'),
    ({'stop_after': 1.5}, 'a number of epochs'),
    ({'stop_after': 2, 'eval_every': 0}, 'set eval_every'),
  ],
)
def test_bad_settings(monkeypatch, changes, words):
  with pytest.raises(errors.UserError, match=words) as told:
    _fit(monkeypatch, [0.1], **changes)
  assert '\n' not in str(told.value)
