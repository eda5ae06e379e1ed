"""Training end to end; run as a script it is the fit that is killed."""

from collections.abc import Callable
import os
import pathlib
import signal
import subprocess
import sys
import types

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors, train
from effnas.nn import rewrite


class Net(linen.Module):
  """Everything that has a state: batch statistics, dropout."""

  @linen.compact
  def __call__(self, x, train=False):
    x = linen.Dense(16)(x)
    x = linen.BatchNorm(use_running_average=not train)(x)
    x = linen.Dropout(0.2, deterministic=not train)(linen.relu(x))
    return linen.Dense(3)(x)


def resumable(checkpoint_dir=None, on_epoch=None, **changes):
  """Fits four epochs of noise, on which every bit of the order matters."""
  rng = np.random.default_rng(0)
  split = types.SimpleNamespace(
    x=rng.standard_normal((50, 6)).astype(np.float32),
    y=rng.integers(3, size=50).astype(np.int32),
  )
  data = types.SimpleNamespace(
    train=split, valid=split, kind='vector', prepare=jnp.asarray
  )
  kwargs = {
    'epochs': 4,
    'batch_size': 8,
    'optim': {'lr': 0.01, 'weight_decay': 0.1, 'clip': 1.0},
    'ema': 0.9,
    'label_smoothing': 0.1,
    'eval_every': 4,
    'seed': 7,
  }
  return train.fit(
    Net(),
    data,
    checkpoint_dir=checkpoint_dir,
    on_epoch=on_epoch,
    **(kwargs | changes),
  )


def kill_at_two(epoch, metrics):
  del metrics
  if epoch == 2:
    os.kill(os.getpid(), signal.SIGKILL)


def assert_same(one, two):
  assert jax.tree.structure(one.variables) == jax.tree.structure(two.variables)
  for a, b in zip(
    jax.tree.leaves(one.variables), jax.tree.leaves(two.variables), strict=True
  ):
    assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
  assert one.history == two.history


def test_killed_and_resumed_equals_uninterrupted(tmp_path):
  killed = subprocess.run(
    [sys.executable, __file__, str(tmp_path)],
    cwd=pathlib.Path(train.__file__).parents[2],
    capture_output=True,
    check=False,
  )
  assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
  assert killed.stderr == b''
  epochs = []
  resumed = resumable(tmp_path, lambda epoch, _: epochs.append(epoch))
  assert epochs == [2, 3, 4]
  assert_same(resumed, resumable())


def test_resumes_from_sparse_checkpoints_and_when_done(tmp_path):
  class Stop(Exception):
    pass

  def stop(epoch, _):
    if epoch == 3:
      raise Stop

  with pytest.raises(Stop):
    resumable(tmp_path, stop, checkpoint_every=2)
  epochs = []
  resumed = resumable(tmp_path, lambda epoch, _: epochs.append(epoch))
  assert epochs == [2, 3, 4]
  assert_same(resumed, resumable())
  assert_same(resumable(tmp_path), resumed)


@pytest.mark.parametrize(
  ('change', 'words'),
  [
    ({'epochs': 5}, 'epochs 4, not 5'),
    ({'optim': {'lr': 0.5}}, "not {'lr': 0.5}"),
    ({'seed': 8}, 'seed 7, not 8'),
  ],
)
def test_checkpoints_of_other_settings_are_refused(tmp_path, change, words):
  resumable(tmp_path, checkpoint_every=4)
  with pytest.raises(errors.UserError, match=words):
    resumable(tmp_path, **change)


def test_stopped_early_and_gone_on_with_elsewhere_equals_one_training(tmp_path):
  """Rungs: other folders, no epoch twice, the learning rate of the whole."""
  epochs = []

  def note(epoch, _):
    epochs.append(epoch)

  one, two = tmp_path / '1', tmp_path / '2'
  rare = {'checkpoint_every': 4, 'eval_every': 1}
  first = resumable(one, note, until=1, **rare)
  assert len(first.history) == 1
  resumable(two, note, until=3, parent_dir=one, **rare)
  # A folder with checkpoints of its own does not look at the parent's again.
  last = resumable(two, note, parent_dir=one, **rare)
  assert epochs == [1, 2, 3, 3, 4]
  assert_same(last, resumable(eval_every=1))


def test_a_child_inherits_weights_but_not_the_learning_rate(tmp_path):
  parent = resumable(tmp_path / '1', until=2, ema=0.0)
  still = {'lr': 1e-12, 'weight_decay': 0.0, 'clip': 1.0}
  child = resumable(
    tmp_path / '2', parent_dir=tmp_path / '1', optim=still, ema=0.0
  )
  assert child.opt_state.numbers['lr'].item() == np.float32(1e-12)
  assert child.opt_state.taken == 2 * parent.opt_state.taken
  for a, b in zip(
    jax.tree.leaves(parent.variables['params']),
    jax.tree.leaves(child.variables['params']),
    strict=True,
  ):
    np.testing.assert_allclose(a, b, rtol=1e-6)
  assert child.history[:2] == parent.history


@pytest.mark.parametrize(
  ('change', 'words'),
  [
    ({'until': 5}, 'until 5 is more than the 4 epochs'),
    ({'until': 0}, 'until must be 1 or more; got 0'),
    ({'parent_dir': 'none/there'}, 'no checkpoint in none/there'),
  ],
)
def test_rungs_that_cannot_be_are_refused(tmp_path, change, words):
  with pytest.raises(errors.UserError, match=words):
    resumable(tmp_path, **change)


def test_seed_decides():
  one, same, other = (resumable(seed=s, epochs=2) for s in (1, 1, 2))
  assert_same(one, same)
  assert one.history != other.history


def test_learns_a_linear_problem(make_data, make_net):
  data = make_data(n=90, classes=3)
  fitted = train.fit(
    make_net(classes=3),
    data,
    epochs=10,
    batch_size=16,
    optim={'lr': 0.05},
    eval_every=4,
  )
  assert fitted.history[-1]['accuracy'] == 1.0
  assert fitted.history[-1]['train_accuracy'] == 1.0
  assert [h['epoch'] for h in fitted.history if 'accuracy' in h] == [4, 8, 10]
  measured = train.evaluate(
    make_net(classes=3), fitted.variables, data.valid, data
  )
  assert measured.items() <= fitted.history[-1].items()


def test_compiles_once_for_many_epochs_and_learning_rates(make_data, counted):
  net, seen = counted
  times = []
  for lr, epochs in ((0.1, 3), (0.2, 2)):
    train.fit(
      net,
      make_data(),
      epochs=epochs,
      batch_size=16,
      optim={'lr': lr, 'name': 'sgd', 'weight_decay': lr},
      label_smoothing=lr,
    )
    times.append(seen.count(True))
  assert times[0] == times[1] > 0


def rows_seen(n, batch_size, epochs=1, **kwargs):
  """The rows each step saw: the gradient of a sum of picked entries."""

  class Count(linen.Module):
    @linen.compact
    def __call__(self, x, train=False):
      seen = self.variable('seen', 'rows', jnp.zeros, n)
      if train:
        seen.value += x.sum(0)
      return linen.Dense(2)(x)

  x = np.eye(n, dtype=np.float32)
  split = types.SimpleNamespace(x=x, y=np.zeros(n, np.int32))
  data = types.SimpleNamespace(
    train=split, valid=split, kind='vector', prepare=jnp.asarray
  )
  fitted = train.fit(
    Count(), data, epochs=epochs, batch_size=batch_size, **kwargs
  )
  return np.asarray(fitted.variables['seen']['rows'])


def test_an_epoch_sees_each_row_once_but_the_last_batch():
  assert (rows_seen(12, 4) == 1).all()
  assert (rows_seen(12, 100) == 1).all()
  seen = rows_seen(14, 4)
  assert sorted(seen) == [0, 0, *[1] * 12]


def test_a_split_larger_than_the_device_is_fed_in_pieces():
  row = 12 * 4
  assert (rows_seen(12, 4, device_bytes=8 * row) == 1).all()
  seen = rows_seen(14, 4, device_bytes=row)
  assert sorted(seen) == [0, 0, *[1] * 12]


def test_starts_from_given_variables_and_leaves_them_whole(
  make_data, make_net, tmp_path
):
  data, net = make_data(), make_net()
  start = net.init(jax.random.key(5), data.train.x)
  kernel = np.array(start['params']['Dense_0']['kernel'])
  kwargs = {'epochs': 1, 'batch_size': 64, 'checkpoint_dir': tmp_path}
  optim_ = {'lr': 1e-6, 'name': 'sgd'}
  fitted = train.fit(net, data, variables=start, optim=optim_, **kwargs)
  ours = fitted.variables['params']['Dense_0']['kernel']
  np.testing.assert_allclose(ours, kernel, atol=1e-4)
  assert not np.array_equal(ours, kernel)
  np.testing.assert_array_equal(start['params']['Dense_0']['kernel'], kernel)
  other = jax.tree.map(lambda p: p + 1, start)
  with pytest.raises(errors.UserError, match='variables'):
    train.fit(net, data, variables=other, optim=optim_, **kwargs)


def test_images_are_augmented_by_the_seed(make_data):
  class Pool(linen.Module):
    """Takes no `train`, as a user's own network may."""

    @linen.compact
    def __call__(self, x):
      return linen.Dense(2)(x.reshape(len(x), -1))

  data = make_data(n=16, features=48, kind='image')
  for split in (data.train, data.valid):
    split.x = split.x.reshape(-1, 4, 4, 3)
  net = rewrite.Rewritten(Pool())
  losses = [
    train.fit(net, data, epochs=1, batch_size=8, augment=names).history[0][
      'train_loss'
    ]
    for names in ((), ('flip',), ('flip', 'crop'), ('flip', 'crop'))
  ]
  assert len(set(losses)) == 3
  assert losses[2] == losses[3]


def test_checkpoints_of_another_network_are_refused(tmp_path, make_data):
  class Act(linen.Module):
    act: Callable

    @linen.compact
    def __call__(self, x, train=False):
      return linen.Dense(2)(self.act(linen.Dense(3)(x)))

  kwargs = {'epochs': 1, 'batch_size': 64, 'checkpoint_dir': tmp_path}
  train.fit(Act(linen.relu), make_data(), **kwargs)
  train.fit(Act(linen.relu), make_data(), **kwargs)
  with pytest.raises(errors.UserError, match='net '):
    train.fit(Act(linen.gelu), make_data(), **kwargs)


def test_diverged(make_data, make_net):
  data = make_data()
  optim_ = {'lr': 1e38, 'name': 'sgd', 'schedule': 'constant', 'warmup': 0}
  with pytest.raises(train.Diverged, match=r'loss is (nan|inf) in epoch \d'):
    train.fit(make_net(), data, epochs=3, batch_size=16, optim=optim_)


@pytest.mark.parametrize(
  ('change', 'words'),
  [
    ({'epochs': 0}, 'epochs must be 1 or more; got 0'),
    ({'batch_size': 0}, 'batch_size must be 1 or more; got 0'),
    ({'ema': 1.0}, 'ema must be a number from 0 to less than 1, got 1.0'),
    ({'label_smoothing': -0.1}, 'label_smoothing must be'),
    ({'dtype': 'float16'}, "did you mean 'bfloat16' or 'float32'"),
    ({'augment': ['flip']}, 'augmentation takes images'),
    ({'augment': 'flip'}, "as \\['flip'\\]"),
  ],
)
def test_bad_input(make_data, make_net, change, words):
  kwargs = {'epochs': 1, 'batch_size': 8} | change
  with pytest.raises(errors.UserError, match=words):
    train.fit(make_net(), make_data(), **kwargs)


def test_a_network_that_does_not_hash(make_data):
  class Widths(linen.Module):
    widths: list

    def __call__(self, x, train=False):
      return x

  with pytest.raises(errors.UserError, match='use tuples instead of lists'):
    train.fit(Widths([1]), make_data(), epochs=1, batch_size=8)


def test_empty_split(make_data, make_net):
  with pytest.raises(errors.UserError, match='empty'):
    train.fit(make_net(), make_data(n=0), epochs=1, batch_size=8)


if __name__ == '__main__':
  resumable(sys.argv[1], kill_at_two)
