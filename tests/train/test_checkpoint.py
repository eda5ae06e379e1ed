import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effnas import errors
from effnas.train import checkpoint


def tree(value=0.0):
  params = {
    'kernel': jnp.full((2, 3), value),
    'half': jnp.ones(2, jnp.bfloat16),
  }
  return {
    'params': params,
    'opt': optax.adam(1e-3).init(params),
    'ema': None,
    'model_state': {},
    'int8': jnp.array([-3, 4], jnp.int8),
  }


def test_round_trip_keeps_the_last_two(tmp_path):
  history = []
  for epoch in (1, 2, 3):
    history.append({'epoch': epoch, 'train_loss': 0.1 / epoch})
    checkpoint.save(tmp_path, epoch, tree(epoch / 3), history, {'seed': 0})
  restored = checkpoint.latest(tmp_path, tree(), {'seed': 0})
  assert restored.epoch == 3
  assert restored.history == history
  expected = tree(1.0)
  assert jax.tree.structure(restored.state) == jax.tree.structure(expected)
  jax.tree.map(np.testing.assert_array_equal, restored.state, expected)
  assert jax.tree.map(lambda a: a.dtype, restored.state) == jax.tree.map(
    lambda a: a.dtype, expected
  )
  assert sorted(p.name for p in tmp_path.iterdir()) == ['2', '3']


def test_nothing_there(tmp_path):
  assert checkpoint.latest(tmp_path, tree(), {}) is None
  assert checkpoint.latest(tmp_path / 'missing', tree(), {}) is None


def test_one_cut_off_is_ignored_and_written_again(tmp_path):
  checkpoint.save(tmp_path, 1, tree(1.0), [], {})
  # What a kill in the middle of a save leaves: Orbax's unfinished folder.
  (tmp_path / '2.orbax-checkpoint-tmp' / 'state').mkdir(parents=True)
  assert checkpoint.latest(tmp_path, tree(), {}).epoch == 1
  checkpoint.save(tmp_path, 2, tree(2.0), [], {})
  assert checkpoint.latest(tmp_path, tree(), {}).epoch == 2
  assert sorted(p.name for p in tmp_path.iterdir()) == ['1', '2']


def test_other_settings_are_refused(tmp_path):
  old = {'seed': 0, 'optim': {'lr': 0.1}, 'augment': ['flip']}
  checkpoint.save(tmp_path, 1, tree(), [], old)
  assert checkpoint.latest(tmp_path, tree(), old)
  with pytest.raises(errors.UserError) as error:
    checkpoint.latest(tmp_path, tree(), old | {'optim': {'lr': 0.2}})
  message = str(error.value)
  assert "optim {'lr': 0.1}, not {'lr': 0.2}" in message
  assert 'seed' not in message
  assert '\n' not in message


def test_digest():
  same, other = checkpoint.digest(tree(1.0)), checkpoint.digest(tree(2.0))
  assert same == checkpoint.digest(tree(1.0)) != other
  shapes = jax.eval_shape(lambda: tree(1.0))
  assert checkpoint.digest(shapes) == checkpoint.digest(
    jax.eval_shape(lambda: tree(2.0))
  )
