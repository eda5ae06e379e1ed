"""The Linformer is softmax attention over mixtures of positions."""

import jax
import jax.numpy as jnp
import numpy as np
import plain_attention as plain
import pytest

from effnas import errors
from effnas.nn.attention import linformer


def _eye(variables):
  return jax.tree.map(lambda kernel: jnp.eye(*kernel.shape), variables)


@pytest.mark.parametrize('length', [7, 100])
def test_with_as_many_mixtures_and_identities_it_is_softmax(length):
  q, k, v = plain.draw(groups=2, values=6)
  mixer = linformer.Linformer(length)
  variables = mixer.init(jax.random.key(0), q, k, v, (7,))
  np.testing.assert_allclose(
    mixer.apply(_eye(variables), q, k, v, (7,)),
    plain.softmax(q, k, v),
    atol=1e-5,
  )


def test_with_fewer_identities_it_sees_the_first_positions():
  q, k, v = plain.draw()
  mixer = linformer.Linformer(3)
  variables = mixer.init(jax.random.key(0), q, k, v, (7,))
  np.testing.assert_allclose(
    mixer.apply(_eye(variables), q, k, v, (7,)),
    plain.softmax(q, k[:, :3], v[:, :3]),
    atol=1e-5,
  )


def test_keys_and_values_have_mixtures_of_their_own():
  q, k, v = plain.draw()
  mixer = linformer.Linformer(7)
  params = _eye(mixer.init(jax.random.key(0), q, k, v, (7,)))['params']
  params['mix_values']['kernel'] = jnp.roll(jnp.eye(7), 1, axis=0)
  np.testing.assert_allclose(
    mixer.apply({'params': params}, q, k, v, (7,)),
    plain.softmax(q, k, jnp.roll(v, -1, axis=1)),
    atol=1e-5,
  )


def test_no_mixture_is_an_error():
  with pytest.raises(errors.UserError, match='at least 1; got 0'):
    linformer.Linformer(0).init(jax.random.key(0), *plain.draw(), (7,))
