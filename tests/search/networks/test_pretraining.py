"""Pre-training without labels, from a config."""

import functools

import jax
import numpy as np
import pytest
import small_training

from effnas import data, errors
from effnas.learn import self_supervision
from effnas.search.networks import network_trials, pretraining
from effnas.train import loop

_BEFORE = {
  'objective': {'name': 'rotation', 'at': 'norm'},
  'epochs': 1,
  'batch_size': 64,
  'lr': 1e-2,
}
_SOME = {'name': 'digits', 'seed': 0, 'labels': 100}


def _config(before=_BEFORE, data=_SOME, **train):
  return small_training.config({'pretrain': before, **train}, data=data)


def test_all_rows_are_learned_from_before_and_the_labelled_ones_after(
  tmp_path, monkeypatch
):
  seen = []
  fit = loop.fit

  @functools.wraps(fit)  # its signature is what a config may say
  def noted(net, dataset, **kwargs):
    labels = np.asarray(dataset.train.y)
    seen.append((kwargs['objective'], len(labels), kwargs['variables']))
    assert kwargs['batch_size'] == (32 if len(seen) > 1 else 64)
    return fit(net, dataset, **kwargs)

  monkeypatch.setattr('effnas.train.fit', noted)
  history, told = small_training.fit(_config(epochs=3), tmp_path)
  (first, rows, drawn), (second, kept, given) = seen
  assert first == self_supervision.configured(_BEFORE['objective'])
  assert second is None
  assert rows > 1000
  assert kept == 100
  assert drawn is None
  assert jax.tree.leaves(given)
  assert [m['epoch'] for m in history] == [1, 2, 3]  # the training's alone
  assert told['accuracy'] > 0.2


def test_the_rows_that_lack_a_label_are_left_out():
  whole = data.load('digits')
  assert pretraining.labelled(whole) is whole
  some = data.load('digits', labels=30)
  found = pretraining.labelled(some)
  assert len(found.train) == 30
  assert (found.train.y >= 0).all()
  rows = {bytes(np.asarray(x)) for x in some.train.x[some.train.y >= 0]}
  assert {bytes(np.asarray(x)) for x in found.train.x} == rows
  assert found.test is some.test


def test_unlabelled_rows_without_a_use_are_one_line():
  with pytest.raises(errors.UserError) as caught:
    network_trials.problem(_config(before=None))
  assert str(caught.value).startswith('unlabelled data without a way to use it')
  network_trials.problem(_config())


@pytest.mark.parametrize(
  ('before', 'said'),
  [
    ('simclr', 'train.pretrain must be settings by name or null'),
    ({'objective': 'simclr'}, 'train.pretrain lacks epochs'),
    ({'epochs': 3}, 'train.pretrain lacks objective'),
    ({**_BEFORE, 'objective': 'simcrl'}, "did you mean 'simclr'"),
    ({**_BEFORE, 'epoch': 3}, "did you mean 'epochs'"),
  ],
)
def test_what_cannot_be_is_told_before_anything_trains(before, said):
  with pytest.raises(errors.UserError, match=said):
    network_trials.problem(_config(before=before))
