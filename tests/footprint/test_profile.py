"""Profiles put together from links, against traces of whole networks."""

import gc
import itertools

from flax import linen
import jax
import jax.numpy as jnp
import pytest

from effnas import footprint, zoo
from effnas.footprint import file_size, piece, profile, weights
from effnas.footprint.latency import device, roofline
from effnas.nn import chain, rewrite, staged
from effnas.nn.blocks import mbconv

FIGURES = (
  'params',
  'macs',
  'size_bytes',
  'peak_memory_bytes',
  'leaves',
  'layers',
  'products',
  'unknown',
)
SHAPE = (1, 8, 8, 3)


def _latency(found):
  target = device.load('cpu')
  return found.total('cpu', lambda work: roofline.latency(work, target))


def _compare(net, shape=SHAPE, dtype='float32'):
  """Compares the profile with that of a whole trace; returns both."""
  found = profile.profile(net, shape, dtype)
  whole = profile.Profile(piece.trace(net, piece.Array(shape, dtype)))
  for figure in FIGURES:
    assert getattr(found, figure) == getattr(whole, figure), figure
  assert _latency(found) == pytest.approx(_latency(whole), rel=1e-12)
  return found, whole


def _takes(published):
  return (1, *published.input_shape), published.input_dtype


@pytest.mark.parametrize(
  'name', ['accel_nasbench', 'mobilenet_v3', 'wide_resnet', 'deit', 'hw_gpt']
)
def test_links_add_up_to_the_whole(name):
  published = zoo.miniatures()[name]
  found, _ = _compare(published.build(), *_takes(published))
  assert found.links
  text = repr((found.leaves, found.layers, found.products, found.unknown))
  assert 'hole' not in text.lower()


@pytest.mark.slow
@pytest.mark.parametrize('name', zoo.miniatures())
def test_links_of_every_family_add_up(name):
  published = zoo.miniatures()[name]
  _compare(published.build(), *_takes(published))


def test_a_wrapper_without_rules_is_looked_through():
  net = zoo.miniatures()['encoder_lm'].build()
  takes = _takes(zoo.miniatures()['encoder_lm'])
  found, _ = _compare(rewrite.Rewritten(net), *takes)
  assert found.links
  assert found.layers == profile.profile(net, *takes).layers


def _stage(depth=1):
  return staged.Stage(4, 1, depth, mbconv.MBConv(expand=2))


def _net(*stages):
  return staged.StagedNet(stages, stem=4, head=8, classes=3)


def test_a_stage_that_stands_twice_has_its_parameters_once():
  stage = _stage()
  _, whole = _compare(_net(stage, stage))
  _, apart = _compare(_net(_stage(), _stage()))
  assert whole.params < apart.params
  assert whole.macs == apart.macs


def test_a_chain_without_links():
  _compare(_net())
  _compare(_net(staged.Blocks(()), _stage()))


class Add(linen.Module):
  """Has no variables, and a product that no module owns."""

  @linen.compact
  def __call__(self, x, train=False):
    return x + jnp.einsum('nhwc,nhwd->nhwd', x, x)


def test_a_link_without_variables_is_its_parents():
  net = _net(staged.Blocks((Add(), mbconv.MBConv())), staged.Blocks((Add(),)))
  found, _ = _compare(net)
  assert ('stages_0', 'dot') in {row[:2] for row in found.products}
  assert ('', 'dot') in {row[:2] for row in found.products}


class Held(chain.FieldChain):
  """Breaks no promise, but holds another array while its links run."""

  chained = 'links_'
  links_: tuple

  @linen.compact
  def __call__(self, x, train=False):
    aside = jnp.tile(x, 8)
    for link in self.links_:
      x = link(x, train)
    return x.sum() + aside.sum()


def test_what_lives_beside_the_links_counts_in_their_memory():
  found, _ = _compare(Held((_stage(),)), (1, 8, 8, 4))
  alone = profile.profile(_stage(), (1, 8, 8, 4), 'float32')
  beside = 4 * 8 * 8 * 4 * 8
  assert found.peak_memory_bytes == alone.peak_memory_bytes + beside


class Wide(linen.Module):
  features: int

  @linen.compact
  def __call__(self, x, train=False):
    return linen.Dense(self.features)(x)


def test_the_first_input_and_the_last_result_need_not_live_together():
  net = staged.Blocks((Wide(1), Wide(64)))
  found, _ = _compare(net, (1, 10, 40))
  assert found.peak_memory_bytes == 4 * 10 * (1 + 64)


class Twice(chain.FieldChain):
  """Is no chain, though it says so: its links run twice."""

  chained = 'parts'
  parts: tuple

  @linen.compact
  def __call__(self, x, train=False):
    for part in self.parts * 2:
      x = part(x, train)
    return x


class Pair(linen.Module):
  """Gives two arrays."""

  @linen.compact
  def __call__(self, x, train=False):
    return linen.Dense(3)(x), x


class Last(chain.FieldChain):
  chained = 'parts'
  parts: tuple

  @linen.compact
  def __call__(self, x, train=False):
    (part,) = self.parts
    return part(x, train)[0]


@pytest.mark.parametrize('net', [Twice((_stage(),)), Last((Pair(),))])
def test_what_is_no_chain_is_traced_whole(net):
  found, _ = _compare(net, (1, 8, 8, 4))
  assert not found.links


def test_bits_are_asked_by_the_whole_path():
  published = zoo.miniatures()['mobilenet_v3']
  net, takes = published.build(), _takes(published)
  found, whole = _compare(net, *takes)
  paths = {True: set(), False: set()}

  def latency(one):
    def of(work, path):
      paths[one is found].update(profile.join(path, w.path) for w in work)
      return roofline.latency(work, device.load('cpu'))

    return one.total_by_path(of)

  # Added in the same order, so not even the last digit differs.
  assert latency(found) == _latency(found)
  latency(whole)
  assert paths[True] == paths[False]


def test_parts_are_traced_once(monkeypatch):
  traced = []
  trace = piece.trace
  monkeypatch.setattr(
    piece, 'trace', lambda net, *given: traced.append(net) or trace(net, *given)
  )

  def block(expand):
    return mbconv.MBConv(expand=expand, drop_path=0.123)  # in no other test

  def net(*expansions):
    blocks = tuple(map(block, expansions))
    return _net(staged.Elastic(4, 1, blocks))

  footprint.measure(net(3, 4, 4), (8, 8, 3))
  blocks = [one for one in traced if isinstance(one, mbconv.MBConv)]
  assert sorted(one.expand for one in blocks) == [3, 4]
  footprint.measure(net(4, 3, 4), (8, 8, 3))
  assert [one for one in traced if isinstance(one, mbconv.MBConv)] == blocks


def test_what_networks_share_is_forgotten_with_them():
  seen = profile.Seen()
  net = _net(_stage())
  (link,) = net.links()
  found = profile.profile(net, SHAPE, 'float32', seen)
  given = piece.Array((1, 4, 4, 4), 'float32')
  assert seen.get(link, given) is found.links[0][1]
  del net, link
  gc.collect()
  assert not seen._found


def _names():
  odd = ['a', 'a_', 'ab', 'é"', 'a.b', 'b']
  return [
    (c, *p) for c in ('params', 'p') for p in itertools.permutations(odd, 2)
  ]


@pytest.mark.parametrize('dtypes', [['float32'], ['float32', 'int8', 'int16']])
def test_the_size_of_a_file_from_its_parts(dtypes):
  rng = iter(range(1, 10**6, 37))
  some = dict(
    zip(_names(), itertools.cycle(map(jnp.dtype, dtypes)), strict=False)
  )
  leaves = {
    path: jax.ShapeDtypeStruct((next(rng),), dtype)
    for path, dtype in some.items()
  }
  below: dict = {}
  own = {}
  for (collection, first, last), leaf in leaves.items():
    if first in ('a', 'é"'):
      below.setdefault(first, {})[collection, last] = leaf
    else:
      own[collection, first, last] = leaf
  parts = {p: file_size.joined(file_size.own(v), ()) for p, v in below.items()}
  found = file_size.joined(file_size.own(own), parts.items())
  variables: dict = {}
  for (collection, first, last), leaf in leaves.items():
    place = variables.setdefault(collection, {}).setdefault(first, {})
    place[last] = leaf
  assert found.size_bytes == weights.size_bytes(variables)


@pytest.mark.parametrize('name', ['w' * n for n in range(1, 9)])
def test_the_size_where_an_offset_gains_a_digit(name):
  sizes = {'a': 9, 'b': 1, 'c': 90, 'd': 899, name: 1}
  leaves = {
    k: jax.ShapeDtypeStruct((n,), jnp.dtype('int8')) for k, n in sizes.items()
  }
  own = file_size.own({('params', k): leaf for k, leaf in leaves.items()})
  found = file_size.joined(own, ()).size_bytes
  assert found == weights.size_bytes({'params': leaves})


def test_packed_tensors_do_not_add_up():
  leaf = jax.ShapeDtypeStruct((3,), jnp.dtype('int4'))
  assert file_size.own({('params', 'w'): leaf}) is None
  assert (
    file_size.own(
      {('params', 'a/b'): jax.ShapeDtypeStruct((), jnp.dtype('int8'))}
    )
    is None
  )
