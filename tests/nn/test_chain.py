"""Chains: their links, and other modules in the places of their links."""

from flax import linen
import jax
import jax.numpy as jnp
import pytest

from effnas import quant, zoo
from effnas.nn import chain, rewrite, staged
from effnas.nn.blocks import mbconv


def _program(net, takes):
  """The variables and the arithmetic of a network, to be compared."""
  x = jax.ShapeDtypeStruct((2, *takes.input_shape), takes.input_dtype)
  variables = rewrite.abstract_variables(net, x.shape[1:], x.dtype)
  return variables, str(jax.make_jaxpr(net.apply)(variables, x))


def _again(net):
  """The network out of its own links, and those out of theirs."""
  found = chain.links(net)
  if not found:
    return net
  links = [_again(link.module()) for link in found]
  return chain.relinked(net, [links[i] for i in chain.firsts(found)])


def _one_of_each_kind():
  """Small networks of the zoo in which each class of chains stands once."""
  met = set()
  for name, published in zoo.miniatures().items():
    net = published.build()
    parts = [net, *(link.template for link in chain.links(net))]
    kinds = {type(part) for part in parts if chain.is_chain(part)}
    if not kinds <= met:
      met |= kinds
      yield name


@pytest.mark.parametrize('name', tuple(_one_of_each_kind()))
def test_a_chain_out_of_its_own_links_is_the_same_program(name):
  takes = zoo.miniatures()[name]
  net = takes.build()
  assert chain.links(net)
  assert _program(_again(net), takes) == _program(net, takes)


class Shift(linen.Module):
  """A link that takes and gives any shape."""

  by: float

  @linen.compact
  def __call__(self, x, train=False):
    return x + self.by


def test_links_are_applied_in_their_order():
  stage = staged.Stage(8, 2, 3, mbconv.MBConv())
  assert [dict(link.fields) for link in stage.links()] == [
    {'features': 8, 'stride': 2},
    {'features': 8, 'stride': 1},
    {'features': 8, 'stride': 1},
  ]
  x = jnp.zeros((1, 2, 2, 3))
  shifted = stage.relinked([Shift(0.5), Shift(0.25)]).apply({}, x)
  assert shifted.shape == x.shape
  assert float(shifted.max()) == 0.75


def test_rules_hide_the_links_and_none_do_not():
  net = zoo.miniatures()['mobilenet_v2'].build()
  plain = rewrite.Rewritten(net)
  assert [link.template.model for link in chain.links(plain)] == [
    link.module() for link in net.links()
  ]
  ruled = rewrite.Rewritten(net, quant.rules(8))
  assert chain.links(ruled) == chain.links(linen.Dense(3)) == ()
  with pytest.raises(TypeError, match='Dense is no chain'):
    chain.relinked(linen.Dense(3), ())


def test_one_instance_twice_is_one_link_twice():
  a, b = staged.Stage(8, 1, 1, mbconv.MBConv()), staged.Blocks(())
  net = staged.StagedNet((a, b, a))
  for chained in (net, rewrite.Rewritten(net)):
    assert chain.firsts(chain.links(chained)) == (0, 1, 0)
