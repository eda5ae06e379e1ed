"""Rules reach the layers they name, and change nothing else."""

import dataclasses

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np

from effnas.nn import convolve, rewrite


@dataclasses.dataclass(frozen=True)
class Scale(rewrite.Rule):
  """Multiplies what a layer gives."""

  by: float = 2.0
  layers = (linen.Conv, linen.Dense)

  def compute(self, module, call):
    return self.by * call()


@dataclasses.dataclass(frozen=True)
class Shift(rewrite.Rule):
  """Adds to what a layer gives."""

  layers = (linen.Dense,)

  def compute(self, module, call):
    return call() + 1.0


class Users(linen.Module):
  """Plain Flax layers, no `train` argument."""

  @linen.compact
  def __call__(self, x):
    x = linen.Conv(4, (3, 3), name='conv')(x).mean((1, 2))
    return linen.Dense(3, name='head')(x)


X = np.random.default_rng(0).normal(size=(2, 6, 6, 2)).astype(np.float32)


def _apply(net, variables):
  return jax.jit(net.apply)(variables, X)


def test_without_rules_values_and_variables_are_the_models():
  model = Users()
  variables = model.init(jax.random.key(0), X)
  net = rewrite.Rewritten(model)
  again = net.init(jax.random.key(0), X)
  jax.tree.map(np.testing.assert_array_equal, variables, again)
  np.testing.assert_allclose(
    _apply(net, variables), _apply(model, variables), atol=1e-5
  )


def test_a_rule_computes_in_place_of_the_layers_it_names():
  model = Users()
  variables = model.init(jax.random.key(0), X)
  plain = _apply(rewrite.Rewritten(model), variables)
  twice = _apply(rewrite.Rewritten(model, (Scale('head'),)), variables)
  np.testing.assert_allclose(twice, 2 * plain, rtol=1e-5, atol=1e-5)
  nowhere = _apply(rewrite.Rewritten(model, (Scale('hea'),)), variables)
  np.testing.assert_allclose(nowhere, plain)


def test_the_first_rule_of_a_type_holds_and_types_nest():
  model = Users()
  variables = model.init(jax.random.key(0), X)
  plain = _apply(rewrite.Rewritten(model), variables)
  rules = (Scale('head', 3.0), Shift('head'), Scale('head', 5.0))
  nested = _apply(rewrite.Rewritten(model, rules), variables)
  np.testing.assert_allclose(nested, 3 * (plain + 1), rtol=1e-4, atol=1e-4)


def test_plain_convolutions_gain_the_fast_one(monkeypatch):
  seen = []
  real = convolve.conv_general_dilated

  def spy(*args, **kwargs):
    seen.append(args[1].shape)
    return real(*args, **kwargs)

  monkeypatch.setattr(convolve, 'conv_general_dilated', spy)
  net = rewrite.Rewritten(Users())
  jax.eval_shape(net.init, jax.random.key(0), X)
  assert seen == [(3, 3, 2, 4)]


def test_lending_ends_with_the_call():
  layer = linen.Dense(3).bind({})
  with rewrite.lend(layer, features=5):
    assert layer.features == 5
  assert layer.features == 3


def test_coverage_names_what_is_reached_and_what_is_unused():
  rules = (Scale('head'), Scale('*'), Scale('conv'), Shift('conv'))
  seen = rewrite.coverage(Users(), rules, X.shape[1:])
  assert seen.rules_by_path == {'conv': (rules[1],), 'head': (rules[0],)}
  assert seen.unused == (rules[2], rules[3])
  assert isinstance(seen.layers['conv'], linen.Conv)


def test_nothing_is_allocated_for_abstract_variables():
  shapes = rewrite.abstract_variables(Users(), (2**15, 2**15, 2))
  assert shapes['params']['conv']['kernel'].shape == (3, 3, 2, 4)
  assert isinstance(shapes['params']['conv']['bias'], jax.ShapeDtypeStruct)
  assert jnp.dtype(shapes['params']['conv']['bias'].dtype) == jnp.float32


class Held(linen.Module):
  """Modules in its fields, as transformers hold their layers."""

  encoders: tuple[linen.Module, ...]

  @linen.compact
  def __call__(self, x):
    x = x.mean((1, 2))
    for encoder in self.encoders:
      x = encoder(x)
    return x


def test_a_module_in_a_field_goes_by_the_path_of_its_variables():
  net = Held((linen.Dense(3), linen.Dense(3)))
  variables = net.init(jax.random.key(0), X)
  (path,) = [p for p in variables['params'] if p.endswith('1')]
  plain = _apply(rewrite.Rewritten(net), variables)
  rules = (Scale(path),)
  seen = rewrite.coverage(net, rules, X.shape[1:], 'float32')
  assert list(seen.rules_by_path) == [path]
  np.testing.assert_allclose(
    _apply(rewrite.Rewritten(net, rules), variables), 2 * plain, rtol=1e-5
  )
