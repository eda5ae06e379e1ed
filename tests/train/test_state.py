"""A training starts from given weights as far as they fit."""

from flax import linen
import jax
import numpy as np
import optax
import pytest

from effnas import errors
from effnas.train import state


class Net(linen.Module):
  hidden: int = 4

  @linen.compact
  def __call__(self, x, train=False):
    return linen.Dense(2, name='out')(linen.Dense(self.hidden, name='in')(x))


def _same(x):
  return x


def _start(net, variables):
  x = np.ones((1, 3), np.float32)
  return state.create(net, optax.sgd(1.0), _same, x, variables=variables).params


def test_what_fits_is_taken_and_the_rest_drawn():
  given = {'params': _start(Net(hidden=4), None)}
  given = jax.tree.map(lambda leaf: np.full(leaf.shape, 7.0), given)
  given['params']['elsewhere'] = {'kernel': np.zeros(3)}
  exact = _start(Net(hidden=4), given)
  assert all((leaf == 7).all() for leaf in jax.tree.leaves(exact))
  wider = _start(Net(hidden=5), given)
  assert (wider['out']['bias'] == 7).all()
  drawn = _start(Net(hidden=5), None)
  np.testing.assert_array_equal(wider['in']['kernel'], drawn['in']['kernel'])
  assert wider['in']['kernel'].shape == (3, 5)


def test_weights_of_another_network_are_refused():
  given = {'params': {'conv': {'kernel': np.zeros((3, 4))}}}
  with pytest.raises(errors.UserError, match='none of the given weights'):
    _start(Net(), given)


def test_weights_of_a_converted_network_are_refused():
  given = {'params': _start(Net(), None)}
  given['params']['in']['kernel'] = np.ones((3, 4), np.int8)
  with pytest.raises(errors.UserError, match=r'kernel.*int8'):
    _start(Net(), given)
