"""Mixed labels, rows without a label, and what objectives add to rows."""

import types

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors, train
from effnas.learn import augment, change, objective
from effnas.train import epoch, optim, prepare, rows, state, step


class Line(linen.Module):
  classes: int = 3

  @linen.compact
  def __call__(self, x, train=False):
    return linen.Dense(self.classes)(x.reshape(len(x), -1))


class Same:
  """Prepares nothing."""

  def __call__(self, x):
    return jnp.asarray(x)


def _data(n=24, x=None, **fields):
  rng = np.random.default_rng(0)
  if x is None:
    x = rng.normal(size=(n, 4, 4, 1)).astype(np.float32)
  y = (np.arange(n) % 3).astype(np.int32)
  split = types.SimpleNamespace(x=x, y=y)
  return types.SimpleNamespace(
    train=split,
    valid=split,
    kind='image',
    classes=3,
    prepare=jnp.asarray,
    **fields,
  )


def test_mixup_in_the_compiled_epoch_is_mixup_and_a_step():
  """One step, with the batch mixed by hand from the same keys."""
  data = _data(n=8)
  tx = optim.make(4, name='sgd', lr=0.1)
  made = augment.make([{'name': 'mixup', 'alpha': 1.0}], classes=3)
  prepared = prepare.Prepare(data)
  plan = epoch.Plan(
    net=Line(),
    update=tx.update,
    prepare=prepared,
    augment=made.changes,
    crop_padding=4,
    batch_size=8,
    dtype='float32',
    classes=3,
  )
  numbers = {'label_smoothing': jnp.float32(0), 'ema': jnp.float32(0)}
  key = jax.random.key(3)
  first = state.create(Line(), tx, prepared, data.train.x)
  shuffle, steps = jax.random.split(key)
  order = jax.random.permutation(shuffle, 8)
  own, dropout = jax.random.split(jax.random.fold_in(steps, 0))
  x, y = jax.jit(made)(
    own, data.train.x[order], jnp.asarray(data.train.y[order])
  )
  assert y.shape == (8, 3)
  one = jax.jit(step.make(Line(), tx.update))
  expected, told = one(first, x, y, dropout, numbers)
  expected = jax.tree.map(np.array, expected.params)
  now, metrics = epoch.compiled(plan)(
    first, data.train.x, data.train.y, key, numbers
  )
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
    now.params,
    expected,
  )
  np.testing.assert_allclose(metrics['loss'], told['loss'], rtol=1e-5)
  np.testing.assert_allclose(metrics['accuracy'], told['accuracy'])


def test_one_row_cannot_be_mixed():
  with pytest.raises(errors.UserError, match='the batch size is 1'):
    train.fit(Line(), _data(), epochs=1, batch_size=1, augment=['mixup'])


class Signs(change.Change):
  """Turns each row around, or not."""

  def change(self, key, inputs):
    sign = jax.random.rademacher(key, (len(inputs), 1, 1, 1))
    return inputs * sign.astype(inputs.dtype)


def test_the_hardest_view_is_trained_on():
  """Of turned rows the network says the wrong class: these are the hardest."""
  y = np.arange(32) % 2
  x = (3.0 * (2 * y - 1))[:, None, None, None].astype(np.float32)
  split = types.SimpleNamespace(x=x, y=y.astype(np.int32))
  kernel = np.array([[-1.0, 1.0]], np.float32)
  start = {'params': {'Dense_0': {'kernel': kernel, 'bias': np.zeros(2)}}}
  losses = {}
  for k in (1, 16):
    made = augment.make([Signs(), {'name': 'hardest', 'k': k}])
    tx = optim.make(10, name='sgd', lr=1e-6)
    plan = epoch.Plan(
      Line(2), tx.update, Same(), made.changes, 4, 32, 'float32'
    )
    first = state.create(Line(2), tx, plan.prepare, x, variables=start)
    numbers = {'label_smoothing': jnp.float32(0), 'ema': jnp.float32(0)}
    _, metrics = epoch.compiled(plan)(
      first, split.x, split.y, jax.random.key(0), numbers
    )
    losses[k] = float(metrics['loss'])
  # Right rows lose log(1 + exp(-6)), wrong ones 6 more.
  assert losses[16] == pytest.approx(6 + np.log1p(np.exp(-6)), rel=1e-4)
  assert 1 < losses[1] < 5


class Extra(objective.Objective):
  """Uses rows without a label, extras and the progress."""

  def __init__(self, seen):
    self.seen = seen

  def takes_unlabelled(self):
    return True

  def extras(self, x, prepare):
    self.seen.append(len(x))
    return {'double': 2 * np.asarray(prepare(x))}

  def __call__(self, forward, batch, key, numbers):
    logits = forward(batch.inputs).logits
    twice = batch.extras['double'].reshape(len(logits), -1)
    off = jnp.abs(twice - 2 * batch.inputs.reshape(len(logits), -1)).max()
    # 100 for each row that is not that of its extras; then the progress.
    loss = 0 * logits.sum() + 100 * off + numbers['progress']
    return objective.Outcome(loss, logits)


def test_extras_come_with_their_rows_and_progress_rises():
  seen = []
  fitted = train.fit(
    Line(), _data(), epochs=4, batch_size=8, objective=Extra(seen)
  )
  assert seen == [24]  # asked once
  # 12 steps: their progress is 0, 1/12, ... 11/12.
  losses = [record['train_loss'] for record in fitted.history]
  np.testing.assert_allclose(losses, np.arange(1, 12, 3) / 12, rtol=1e-5)


def test_rows_without_a_label_need_a_way_to_be_used():
  data = _data()
  data.train.y = np.where(np.arange(24) < 20, -1, 0).astype(np.int32)
  words = 'unlabelled data without a way to use it: 20 of 24 labels'
  with pytest.raises(errors.UserError, match=words):
    train.fit(Line(), data, epochs=1, batch_size=8)
  fitted = train.fit(Line(), data, epochs=1, batch_size=24, objective=Extra([]))
  # The accuracy is that of the four rows with a label.
  assert fitted.history[0]['train_accuracy'] in np.arange(5) / 4


def test_a_stream_carries_no_extras():
  data = _data()
  data.train.pieces = None
  with pytest.raises(errors.UserError, match='streamed split cannot carry'):
    train.fit(Line(), data, epochs=1, batch_size=8, objective=Extra([]))


@pytest.mark.parametrize('label', [2**31, 2**32 + 1, -(2**31) - 1])
def test_labels_that_would_wrap_on_the_device_are_refused(label):
  labels = np.array([0, 1, label])
  for one in (objective.CrossEntropy(), Extra([])):
    with pytest.raises(errors.UserError, match='labels must fit int32'):
      rows.check_labels(labels, one)
