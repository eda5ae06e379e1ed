from flax import linen
import jax
import numpy as np

from effnas.nn import layers
from effnas.search.scoring import gradients


class _Net(linen.Module):
  @linen.compact
  def __call__(self, x, train=False):
    x = layers.Norm(name='norm')(x, train)
    x = linen.Dropout(0.5, deterministic=not train)(x)
    return linen.Dense(3, name='head')(x)


def test_outputs_are_those_of_training():
  net = _Net()
  x = jax.random.normal(jax.random.key(0), (6, 4)) * 3 + 5
  variables = net.init(jax.random.key(1), x)
  found = gradients.logits(net, variables, x)
  kernel = np.asarray(variables['params']['head']['kernel'])
  normal = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)
  # Whatever is dropped, what is left is twice as large.
  kept = np.linalg.lstsq(kernel.T, np.asarray(found).T, rcond=None)[0].T
  again = gradients.logits(net, variables, x)
  np.testing.assert_array_equal(found, again)
  np.testing.assert_allclose(kept @ kernel, found, atol=1e-4)
  assert not np.allclose(found, normal @ kernel, atol=1e-2)
  assert not np.allclose(found, x @ kernel, atol=1e-2)


def test_gradients_are_finite_differences():
  net, labels = _Net(), np.array([0, 1, 2, 0, 1, 2])
  x = jax.random.normal(jax.random.key(0), (6, 4))
  variables = net.init(jax.random.key(1), x)

  def loss(params):
    found = np.asarray(
      gradients.logits(net, {**variables, 'params': params}, x), float
    )
    found -= np.log(np.exp(found).sum(1, keepdims=True))
    return -found[np.arange(6), labels].mean()

  params = variables['params']
  slopes = gradients.of_loss(net, variables, x, labels)
  step = np.zeros((4, 3), np.float32)
  step[1, 2] = 1e-2
  up, down = (
    {**params, 'head': {**params['head'], 'kernel': kernel}}
    for kernel in (
      params['head']['kernel'] + step, params['head']['kernel'] - step
    )
  )  # fmt: skip
  expected = (loss(up) - loss(down)) / 2e-2
  assert abs(float(slopes['head']['kernel'][1, 2]) - expected) < 1e-4
