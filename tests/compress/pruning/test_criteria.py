import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.compress.pruning import criteria

BATCHES = 3


def _net(seed=0):
  rng = np.random.default_rng(seed)
  params = {
    'hidden': jnp.asarray(rng.normal(size=(4, 5)), jnp.float32),
    'out': jnp.asarray(rng.normal(size=(5, 2)), jnp.float32),
  }
  x = jnp.asarray(rng.normal(size=(BATCHES, 6, 4)), jnp.float32)
  y = jnp.asarray(rng.normal(size=(BATCHES, 6, 2)), jnp.float32)
  return params, (x, y)


def loss(params, batch):
  x, y = batch
  return jnp.mean((jnp.tanh(x @ params['hidden']) @ params['out'] - y) ** 2)


def slopes(params, batches, step=1e-2):
  """Finite differences of each batch's loss: [batches, *weights]."""
  found = {}
  for name, weight in params.items():
    rows = []
    for i in range(weight.size):
      shift = jnp.zeros(weight.size).at[i].set(step).reshape(weight.shape)
      up = {**params, name: weight + shift}
      down = {**params, name: weight - shift}
      rows.append(
        [
          (float(loss(up, b)) - float(loss(down, b))) / (2 * step)
          for b in (
            jax.tree.map(lambda v, j=j: v[j], batches) for j in range(BATCHES)
          )
        ]
      )
    found[name] = np.array(rows).T.reshape(BATCHES, *weight.shape)
  return found


EXPECTED = {
  'snip': lambda w, g: np.abs(w * g.mean(0)),
  'taylor': lambda w, g: ((w * g) ** 2).mean(0),
  'fisher': lambda w, g: (g**2).mean(0) * w**2 / 2,
  'movement': lambda w, g: (-w * g).mean(0),
}


def test_gradient_scores_by_finite_differences():
  params, batches = _net()
  measured = slopes(params, batches)
  gradient = jax.grad(loss)
  for name, formula in EXPECTED.items():
    found = criteria.estimate(name, params, gradient, batches)
    for key, weight in params.items():
      expected = formula(np.asarray(weight), measured[key])
      scale = np.abs(expected).max()
      np.testing.assert_allclose(
        found[key] / scale, expected / scale, rtol=1e-2, atol=2e-3
      )


def test_snip_is_the_slope_of_a_gate():
  params, batches = _net()

  def gated(gates):
    on = jax.tree.map(jnp.multiply, params, gates)
    return jax.vmap(lambda x, y: loss(on, (x, y)))(*batches).mean()

  gates = jax.tree.map(jnp.ones_like, params)
  expected = jax.tree.map(jnp.abs, jax.grad(gated)(gates))
  found = criteria.estimate('snip', params, jax.grad(loss), batches)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
    found,
    expected,
  )


def test_fisher_is_what_a_logistic_loss_gains_without_a_weight():
  # At the optimum of a likelihood the mean gradient is 0 and the Fisher
  # information is the Hessian: removing one weight of many costs f w^2 / 2.
  rng = np.random.default_rng(0)
  x = rng.choice([-1.0, 1.0], size=(4000, 3)).astype(np.float32)
  weights = jnp.array([[0.3], [-0.2], [0.1]])
  p = jax.nn.sigmoid(x @ weights)[:, 0]
  y = (rng.random(len(x)) < p).astype(np.float32)

  def nll(params, batch):
    x, y = batch
    logit = (x @ params)[..., 0]
    return jnp.mean(jax.nn.softplus(logit) - y * logit)

  @jax.jit
  def newton(weights):
    g = jax.grad(nll)(weights, (x, y))
    h = jax.hessian(nll)(weights, (x, y))[:, 0, :, 0]
    return weights - jnp.linalg.solve(h, g)

  for _ in range(5):
    weights = newton(weights)
  found = criteria.estimate(
    'fisher', weights, jax.grad(nll), (x[:, None], y[:, None])
  )
  base = nll(weights, (x, y))
  gained = [nll(weights.at[i].set(0), (x, y)) - base for i in range(3)]
  np.testing.assert_allclose(found[:, 0], gained, rtol=0.1)


def test_magnitude_and_random():
  params, _ = _net()
  sizes = criteria.estimate('magnitude', params)
  assert (sizes['out'] == jnp.abs(params['out'])).all()
  one = criteria.estimate('random', params, seed=1)
  again = criteria.estimate('random', params, seed=1)
  other = criteria.estimate('random', params, seed=2)
  assert (one['out'] == again['out']).all()
  assert not (one['out'] == other['out']).any()


def test_bad_input():
  params, batches = _net()
  with pytest.raises(errors.UserError, match="did you mean 'magnitude'"):
    criteria.estimate('magnitud', params)
  with pytest.raises(errors.UserError, match='snip takes gradients'):
    criteria.estimate('snip', params)
  empty = jax.tree.map(lambda b: b[:0], batches)
  with pytest.raises(errors.UserError, match='at least one batch; got 0'):
    criteria.estimate('snip', params, jax.grad(loss), empty)
