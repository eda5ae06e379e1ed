"""Each proxy against its paper's formula, written out in NumPy."""

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.nn import layers
from effnas.search import proxies
from effnas.search.proxies import jacob_cov, naswot, synflow, zen

KEY = jax.random.key(0)
LABELS = np.array([0, 2, 1, 2, 0, 1])


class _Dense(linen.Module):
  """Dense layers with ReLUs between them, or none."""

  widths: tuple[int, ...] = (7, 5, 3)
  relu: bool = True
  bias: bool = False

  @linen.compact
  def __call__(self, x, train=False):
    for i, width in enumerate(self.widths):
      if i and self.relu:
        x = jax.nn.relu(x)
      x = linen.Dense(width, use_bias=self.bias, name=f'd{i}')(x)
    return x


class _Conv(linen.Module):
  """1x1 convolution, normalisation, ReLU; twice; then the mean."""

  @linen.compact
  def __call__(self, x, train=False):
    for i in range(2):
      x = layers.Conv(4, (1, 1), use_bias=False, name=f'c{i}')(x)
      x = jax.nn.relu(layers.Norm(name=f'n{i}')(x, train))
    return layers.Dense(3, name='head')(x.mean((1, 2)))


def _dense(**fields):
  """A network of dense layers, its variables, its kernels, and inputs."""
  net = _Dense(**fields)
  x = np.asarray(jax.random.normal(jax.random.key(1), (6, 4)))
  variables = net.init(jax.random.key(2), x)
  params = variables['params']
  kernels = [
    np.asarray(params[f'd{i}']['kernel'], float) for i in range(len(params))
  ]
  return net, variables, kernels, x


def _conv():
  net = _Conv()
  x = jax.random.normal(jax.random.key(1), (6, 3, 3, 2))
  return net, jax.jit(net.init)(jax.random.key(2), x), x


def _score(name, net, variables, x, key=KEY, **args):
  return proxies.load(name, args)(net, variables, x, LABELS, key)


@pytest.mark.parametrize('name', proxies.names())
def test_a_score_is_a_finite_number_and_repeats_itself(name):
  net, variables, x = _conv()
  first, again = (_score(name, net, variables, x) for _ in range(2))
  assert isinstance(first, float)
  assert np.isfinite(first)
  assert first == again
  other = _score(name, net, variables, x, jax.random.key(5))
  assert (other != first) == (name == 'zen')


@pytest.mark.parametrize('name', proxies.names())
def test_which_proxies_look_at_the_data(name):
  net, variables, x = _conv()
  same = _score(name, net, variables, x) == _score(name, net, variables, -x)
  assert same == (name in ('params', 'macs', 'synflow', 'zen'))


@pytest.mark.parametrize('name', proxies.names())
def test_a_dead_network_has_a_finite_and_no_better_score(name):
  net, variables, x = _conv()
  dead = {
    **variables,
    'params': jax.tree.map(jnp.zeros_like, variables['params']),
  }
  found = _score(name, net, dead, x)
  assert np.isfinite(found)
  assert found <= _score(name, net, variables, x)


def test_synflow_of_dense_layers_is_the_sum_of_all_paths():
  net, variables, kernels, x = _dense(bias=True)
  paths = np.ones(4)
  for kernel in kernels:
    paths = paths @ np.abs(kernel)
  # Of each of the three layers the saliencies add up to all paths.
  expected = np.log1p(3 * paths.sum())
  assert _score('synflow', net, variables, x) == pytest.approx(expected)


def test_synflow_does_not_depend_on_signs():
  net, variables, _, x = _dense()
  turned = jax.tree.map(jnp.negative, variables)
  assert _score('synflow', net, turned, x) == _score(
    'synflow', net, variables, x
  )


def test_synflow_of_a_deep_network_does_not_overflow():
  net, variables, _, x = _dense(widths=(64,) * 30, relu=False)
  variables = jax.tree.map(lambda w: jnp.full_like(w, 64.0), variables)
  expected = np.log(30) + np.log(4 * 64) + 29 * np.log(64 * 64) + np.log(64)
  assert expected > np.log(np.finfo(np.float32).max)
  assert _score('synflow', net, variables, x) == pytest.approx(expected)


def test_synflow_is_conserved_from_layer_to_layer():
  net, variables, _, x = _dense()
  found = synflow.saliency(net, variables, x.shape[1:])
  flows = [layer['kernel'].sum() for layer in found.values()]
  np.testing.assert_allclose(flows, flows[0])


def _gradients(kernels, x):
  """The gradients of the mean cross-entropy of a ReLU network, by hand."""
  (first, second), n = kernels, len(x)
  hidden = np.maximum(x @ first, 0)
  logits = hidden @ second
  share = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
  slope = (share - np.eye(3)[LABELS]) / n
  back = (slope @ second.T) * (hidden > 0)
  return [x.T @ back, hidden.T @ slope]


@pytest.mark.parametrize('name', ['snip', 'grad_norm'])
def test_saliencies_by_hand(name):
  net, variables, kernels, x = _dense(widths=(5, 3), bias=True)
  pairs = zip(kernels, _gradients(kernels, x), strict=True)
  if name == 'snip':
    expected = sum(np.abs(w * g).sum() for w, g in pairs)
  else:
    expected = sum(np.sqrt((g**2).sum()) for _, g in pairs)
  found = _score(name, net, variables, x)
  assert found == pytest.approx(expected, rel=1e-5)


def test_snip_stays_where_a_layer_grows_and_the_next_shrinks():
  net, variables, _, x = _dense(widths=(5, 3))
  params = variables['params']
  scaled = {'params': {
    'd0': {'kernel': 4 * params['d0']['kernel']},
    'd1': {'kernel': params['d1']['kernel'] / 4},
  }}  # fmt: skip
  for name, stays in (('snip', True), ('grad_norm', False)):
    found = [_score(name, net, v, x) for v in (variables, scaled)]
    assert (found[0] == pytest.approx(found[1], rel=1e-5)) == stays


def test_jacob_cov_by_hand():
  net, variables, (first, second), x = _dense(widths=(5, 3))
  fires = x @ first > 0
  jacobian = (fires * second.sum(1)) @ first.T
  values = np.linalg.eigvalsh(np.corrcoef(jacobian))
  expected = -np.sum(np.log(values + 1e-5) + 1 / (values + 1e-5))
  # Six examples of four values: some eigenvalues are 0 but for rounding.
  assert _score('jacob_cov', net, variables, x) == pytest.approx(
    expected, rel=1e-2
  )


def test_jacob_cov_of_independent_gradients_is_the_most():
  # Rows of a Hadamard matrix without the constant one: no correlation.
  two = np.array([[1.0, 1.0], [1.0, -1.0]])
  apart = np.kron(two, two)[1:]
  found = jacob_cov.of_jacobian(apart)
  assert found == pytest.approx(-3 * (np.log(1 + 1e-5) + 1 / (1 + 1e-5)))
  rng = np.random.default_rng(0)
  assert found > jacob_cov.of_jacobian(rng.normal(size=(3, 4)))
  linear = jacob_cov.of_jacobian(np.tile(apart[:1], (3, 1)))
  assert linear == pytest.approx(jacob_cov.of_jacobian(np.zeros((3, 4))))


def test_naswot_by_counting_agreements():
  net, variables, kernels, x = _dense()
  codes, h = [[] for _ in x], np.asarray(x, float)
  for kernel in kernels[:-1]:
    h = h @ kernel
    for code, row in zip(codes, h, strict=True):
      code += [value > 0 for value in row]
    h = np.maximum(h, 0)
  kernel = [
    [sum(a == b for a, b in zip(one, other, strict=True)) for other in codes]
    for one in codes
  ]
  expected = np.log(np.linalg.det(np.array(kernel) + np.eye(6)))
  assert _score('naswot', net, variables, x) == pytest.approx(expected)
  distances, units = naswot.codes(net, variables, x)
  np.testing.assert_array_equal(units - distances, kernel)


def test_naswot_does_not_depend_on_scale():
  net, variables, _, x = _dense()
  larger = jax.tree.map(lambda w: 3 * w, variables)
  assert _score('naswot', net, larger, x) == _score('naswot', net, variables, x)


def test_zen_by_hand():
  net, variables, x = _conv()
  params = zen.gaussian(variables['params'], jax.random.key(3))
  change = 0.01 * jax.random.normal(jax.random.key(4), x.shape)
  found = zen.response(net, {**variables, 'params': params}, x, change)
  maps, scales = [], []
  for given in (x, x + change):
    h = np.asarray(given, float)
    for i in range(2):
      h = h @ np.asarray(params[f'c{i}']['kernel'][0, 0], float)
      variance = h.var((0, 1, 2))
      scales.append(np.log(np.sqrt(variance.mean())))
      h = np.maximum((h - h.mean((0, 1, 2))) / np.sqrt(variance + 1e-5), 0)
    maps.append(h)
  apart = np.abs(maps[0] - maps[1]).sum((1, 2, 3)).mean()
  expected = np.log(apart) + sum(scales[2:])
  assert found == pytest.approx(expected, rel=1e-3)


def test_zen_gives_back_what_normalisation_takes():
  net, variables, x = _conv()
  params = zen.gaussian(variables['params'], jax.random.key(3))
  larger = {**params, 'c0': {'kernel': 8 * params['c0']['kernel']}}
  args = (x, 0.01 * jax.random.normal(jax.random.key(4), x.shape))
  found, scaled = (
    zen.response(net, {**variables, 'params': p}, *args)
    for p in (params, larger)
  )
  assert scaled - found == pytest.approx(np.log(8), abs=1e-3)


def test_zen_draws_kernels_anew_and_takes_means():
  net, variables, x = _conv()
  doubled = {
    **variables,
    'params': {**variables['params'], 'c0': {'kernel': jnp.ones((1, 1, 2, 4))}},
  }
  once = _score('zen', net, variables, x)
  assert once == _score('zen', net, doubled, x)
  scores = [_score('zen', net, variables, x, repeats=r) for r in (1, 8)]
  assert scores[0] == once != scores[1]


@pytest.mark.parametrize(
  ('name', 'said'),
  [('naswot', 'network with ReLUs'), ('zen', 'with batch normalisation')],
)
def test_what_a_network_lacks_is_told(name, said):
  net, variables, _, x = _dense(relu=False)
  with pytest.raises(errors.UserError, match=said):
    _score(name, net, variables, x)


def test_sizes_are_the_footprint():
  net, variables, _, x = _dense(widths=(5, 3), bias=True)
  assert _score('params', net, variables, x) == 4 * 5 + 5 + 5 * 3 + 3
  assert _score('macs', net, variables, x) == 4 * 5 + 5 * 3


def test_an_argument_that_a_proxy_does_not_take_is_told():
  with pytest.raises(errors.UserError, match="did you mean 'gamma'"):
    proxies.load('zen', {'gama': 0.1})
