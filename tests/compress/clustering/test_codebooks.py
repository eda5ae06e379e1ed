"""Codebooks over trees of parameters: shared, masked, trained, packed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.compress import storage
from effnas.compress.clustering import codebooks, kmeans
from effnas.compress.coding import packing


def _params(dtype='float32'):
  rng = np.random.default_rng(0)

  def normal(*shape):
    return jnp.asarray(rng.normal(size=shape), dtype)

  # Kernels of one size, which share compiled programs.
  return {
    'a': {'kernel': normal(12, 8)},
    'b': {'kernel': normal(8, 12), 'bias': normal(12)},
  }


def _mask():
  return {'a': {'kernel': np.abs(_params()['a']['kernel']) > 0.7}}


def test_each_kernel_has_its_own_codebook_and_the_bias_none():
  params = _params()
  found = codebooks.cluster(params, [codebooks.Codebook(clusters=4)])
  plain = codebooks.weights(found)
  assert jax.tree.structure(plain) == jax.tree.structure(params)
  np.testing.assert_array_equal(plain['b']['bias'], params['b']['bias'])
  for name in 'ab':
    flat = params[name]['kernel'].ravel()
    alone = kmeans.rebuild(*kmeans.cluster(flat, 4))
    np.testing.assert_allclose(plain[name]['kernel'].ravel(), alone, rtol=1e-5)


def test_the_first_pattern_holds():
  books = [codebooks.Codebook('b/k*', 4), codebooks.Codebook('*kernel', 16)]
  found = codebooks.cluster(_params(), books)
  sizes = {k: v.size for k, v in found.trainable['codebooks'].items()}
  assert sizes == {'a/kernel': 16, 'b/kernel': 4}
  assert found.trainable['rest'].keys() == {'b/bias'}


def test_a_shared_codebook_is_that_of_all_values_together():
  params = _params()
  shared = codebooks.Codebook('*kernel', shared=True)
  found = codebooks.cluster(params, [shared])
  (book,) = found.trainable['codebooks'].values()
  together = jnp.concatenate([params[n]['kernel'].ravel() for n in 'ab'])
  np.testing.assert_allclose(
    book, kmeans.cluster(together, 16).centroids, rtol=1e-6
  )
  plain = codebooks.weights(found)
  values = {*plain['a']['kernel'].ravel().tolist()}
  values |= {*plain['b']['kernel'].ravel().tolist()}
  assert values <= set(book.tolist())


@pytest.mark.parametrize('shared', [False, True])
def test_gradients_add_up_over_members_and_layers(shared):
  found = codebooks.cluster(
    _params(), [codebooks.Codebook('*kernel', 4, shared=shared)], _mask()
  )

  def loss(params):
    y = jnp.tanh(params['a']['kernel']) @ params['b']['kernel']
    return ((y + params['b']['bias']) ** 2).sum()

  def of(trainable):
    return loss(codebooks.weights(found.replace(trainable=trainable)))

  ours = jax.jit(jax.grad(of))(found.trainable)
  slopes = jax.jit(jax.grad(loss))(codebooks.weights(found))
  slopes = jax.tree.map(np.asarray, slopes)
  slopes['a']['kernel'] = np.where(
    _mask()['a']['kernel'], slopes['a']['kernel'], 0
  )
  np.testing.assert_allclose(
    ours['rest']['b/bias'], slopes['b']['bias'], rtol=1e-5
  )
  indices = jax.tree.map(np.asarray, found.indices)
  sums = {
    n: np.array(
      [slopes[n]['kernel'][indices[f'{n}/kernel'] == i].sum() for i in range(4)]
    )
    for n in 'ab'
  }
  books = ours['codebooks']
  if shared:
    expected = {'*kernel': sums['a'] + sums['b']}
  else:
    expected = {'a/kernel': sums['a'], 'b/kernel': sums['b']}
  assert books.keys() == expected.keys()
  for name, slope in expected.items():
    np.testing.assert_allclose(books[name], slope, rtol=1e-4, atol=1e-4)


def test_training_centroids_keeps_zeros_and_clusters_and_lowers_the_loss():
  books = [codebooks.Codebook(clusters=4)]
  found = codebooks.cluster(_params(), books, _mask())
  target = jax.tree.map(lambda x: 1.5 * x, _params())

  def loss(trainable):
    plain = codebooks.weights(found.replace(trainable=trainable))
    apart = jax.tree.map(lambda x, y: ((x - y) ** 2).sum(), plain, target)
    return sum(jax.tree.leaves(apart))

  @jax.jit
  def step(trainable):
    slopes = jax.grad(loss)(trainable)
    return jax.tree.map(lambda p, g: p - 0.01 * g, trainable, slopes)

  trainable = found.trainable
  for _ in range(20):
    trainable = step(trainable)
  assert loss(trainable) < 0.8 * loss(found.trainable)
  kernel = codebooks.weights(found.replace(trainable=trainable))['a']['kernel']
  np.testing.assert_array_equal(kernel != 0, _mask()['a']['kernel'])
  assert len(jnp.unique(kernel)) == 5


def test_masks_by_path_are_those_of_the_tree():
  tree = codebooks.weights(codebooks.cluster(_params(), masks=_mask()))
  flat = {'a/kernel': _mask()['a']['kernel']}
  by_path = codebooks.weights(codebooks.cluster(_params(), masks=flat))
  jax.tree.map(np.testing.assert_array_equal, tree, by_path)


@pytest.mark.parametrize('k', [4, 5, 16])
@pytest.mark.parametrize('shared', [False, True])
def test_the_forms_are_those_of_the_weights_and_as_small_as_they_should(
  k, shared
):
  params = jax.tree.map(lambda x: jnp.tile(x.T, 8).T, _params())
  mask = {'a': {'kernel': np.abs(params['a']['kernel']) > 0.7}}
  books = [codebooks.Codebook(clusters=k, shared=shared)]
  found = codebooks.cluster(params, books, mask)
  plain = codebooks.weights(found)
  stored = storage.pack(plain, codebooks.forms(found))
  jax.tree.map(np.testing.assert_array_equal, storage.unpack(stored), plain)
  bits = packing.bits_of(k)
  living, size = int(mask['a']['kernel'].sum()), 8 * 96
  numbers = -(-living * bits // 8) + size // 8 + size * bits // 8
  tables = 2 * 2 + 11 + 4 * k if shared else 2 * (1 + 4 * k)
  bias = plain['b']['bias'].nbytes
  assert storage.nbytes(stored) == 2 * 15 + numbers + tables + bias


def test_a_mask_of_what_has_no_codebook_is_a_form_too():
  mask = {'b': {'kernel': _params()['b']['kernel'] > 0}}
  found = codebooks.cluster(_params(), [codebooks.Codebook('a/*')], mask)
  forms = codebooks.forms(found)
  assert {p: f.palette for p, f in forms.items()} == {
    'a/kernel': 16,
    'b/kernel': None,
  }
  np.testing.assert_array_equal(forms['b/kernel'].living, mask['b']['kernel'])


def test_types_of_parameters_stay():
  found = codebooks.cluster(_params('bfloat16'))
  plain = codebooks.weights(found)
  assert {x.dtype.name for x in jax.tree.leaves(plain)} == {'bfloat16'}
  assert found.trainable['codebooks']['a/kernel'].dtype == jnp.float32


def test_bad_input_is_one_line():
  with pytest.raises(errors.UserError, match=r"'\*embed' takes no parameter"):
    codebooks.cluster(_params(), [codebooks.Codebook('*embed')])
  with pytest.raises(errors.UserError, match=r"'b/\*' takes no parameter"):
    codebooks.cluster(
      _params(), [codebooks.Codebook('*'), codebooks.Codebook('b/*')]
    )
  with pytest.raises(errors.UserError, match='2 to 256; got 1'):
    codebooks.cluster(_params(), [codebooks.Codebook(clusters=1)])
  with pytest.raises(errors.UserError, match='a/kernel is '):
    codebooks.cluster(_params(), masks={'a/kernel': jnp.ones(3, bool)})
  with pytest.raises(errors.UserError, match="unknown masked kernel 'c'"):
    codebooks.cluster(_params(), masks={'c': jnp.ones(3, bool)})
  broken = _params()
  broken['a']['kernel'] = broken['a']['kernel'].at[0, 0].set(jnp.nan)
  with pytest.raises(errors.UserError, match='not finite in a/kernel'):
    codebooks.cluster(broken)
