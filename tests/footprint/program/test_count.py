"""MACs against formulas, through every way a program nests."""

from flax import linen
import jax
from jax import lax
import jax.numpy as jnp
import pytest

from effnas.footprint.program import count
from effnas.footprint.program import ops as ops_lib


def shape(*dims, dtype=jnp.float32):
  return jax.ShapeDtypeStruct(dims, dtype)


def total(fn, *args):
  return sum(op.macs for op in count.count(jax.make_jaxpr(fn)(*args)))


def layer(module, x):
  key = jax.eval_shape(lambda: jax.random.key(0))
  variables = jax.eval_shape(module.init, key, x)
  leaves = len(jax.tree.leaves(variables))
  return count.count(jax.make_jaxpr(module.apply)(variables, x), leaves)


X = shape(2, 16, 12, 8)


@pytest.mark.parametrize(
  ('module', 'macs', 'kind'),
  [
    (linen.Conv(5, (3, 3)), 2 * 16 * 12 * 5 * 9 * 8, 'conv'),
    (linen.Conv(5, (1, 1)), 2 * 16 * 12 * 5 * 8, 'pointwise'),
    (linen.Conv(5, (3, 3), strides=2), 2 * 8 * 6 * 5 * 9 * 8, 'conv'),
    (linen.Conv(5, (3, 3), padding='VALID'), 2 * 14 * 10 * 5 * 9 * 8, 'conv'),
    (linen.Conv(5, (3, 3), kernel_dilation=2), 2 * 16 * 12 * 5 * 9 * 8, 'conv'),
    (
      linen.Conv(6, (3, 3), feature_group_count=2),
      2 * 16 * 12 * 6 * 9 * 4,
      'grouped',
    ),
    (
      linen.Conv(8, (5, 5), feature_group_count=8),
      2 * 16 * 12 * 8 * 25,
      'depthwise',
    ),
    (
      linen.Conv(16, (3, 1), feature_group_count=8),
      2 * 16 * 12 * 16 * 3,
      'depthwise',
    ),
    (linen.Dense(7), 2 * 16 * 12 * 7 * 8, 'dot'),
  ],
)
def test_layers(module, macs, kind):
  (op,) = (op for op in layer(module, X) if op.macs)
  assert (op.macs, op.kind) == (macs, kind)


def test_transposed_convolution_counts_no_inserted_zeros():
  module = linen.ConvTranspose(5, (4, 4), strides=(2, 2))
  (op,) = (op for op in layer(module, X) if op.macs)
  assert op.macs == 2 * 16 * 12 * 8 * 16 * 5


def test_gradient_of_a_convolution_has_its_macs_twice_more():
  module = linen.Conv(5, (3, 3), padding='SAME', use_bias=False)
  kernel = shape(3, 3, 8, 5)

  def loss(k, x):
    return module.apply({'params': {'kernel': k}}, x).sum()

  forward = total(loss, kernel, X)
  step = jax.value_and_grad(loss, argnums=(0, 1))
  assert total(step, kernel, X) == 3 * forward
  # The loss is linear, so its gradient alone needs no forward pass.
  assert total(lambda *a: step(*a)[1], kernel, X) == 2 * forward


def test_attention_counts_projections_and_products():
  tokens, width, heads = 10, 24, 3
  ops = layer(
    linen.MultiHeadDotProductAttention(heads), shape(2, tokens, width)
  )
  macs = sum(op.macs for op in ops)
  assert macs == 2 * (4 * tokens * width**2 + 2 * tokens**2 * width)


def test_batched_einsum():
  a, b = shape(3, 4, 5), shape(3, 5, 6)
  assert total(lambda a, b: jnp.einsum('bij,bjk->bik', a, b), a, b) == 360


def test_scan_counts_its_length():
  def body(c, x):
    return c @ x, c

  def fn(c, xs):
    return lax.scan(body, c, xs)

  assert total(fn, shape(4, 4), shape(7, 4, 4)) == 7 * 64
  nested = lambda c, xs: lax.fori_loop(0, 3, lambda _, d: fn(d, xs)[0], c)  # noqa: E731
  assert total(nested, shape(4, 4), shape(7, 4, 4)) == 3 * 7 * 64


def test_while_counts_once_and_is_named():
  def fn(x):
    with jax.named_scope('solver'):
      return lax.while_loop(lambda y: y[0, 0] < 3, lambda y: y @ y, x)

  ops = count.count(jax.make_jaxpr(fn)(shape(4, 4)))
  assert sum(op.macs for op in ops) == 64
  assert count.unknown(ops) == ['while at solver']


@pytest.mark.parametrize('strides', [1, 2])
def test_a_local_convolution_counts_no_patches(strides):
  module = linen.ConvLocal(5, (3, 3), strides=strides, padding='VALID')
  ops = layer(module, shape(2, 7, 5, 8))
  positions = 5 * 3 if strides == 1 else 3 * 2
  (product,) = (op for op in ops if op.macs)
  assert product.macs == 2 * positions * 5 * 9 * 8
  (patches,) = (op for op in ops if op.primitive == 'conv_general_dilated')
  assert patches.kind == 'data'


def test_patches_have_no_macs_in_a_training_step_either():
  module = linen.ConvLocal(5, (3, 3), use_bias=False)
  key = jax.eval_shape(lambda: jax.random.key(0))
  variables = jax.eval_shape(module.init, key, X)

  def loss(variables, x):
    return module.apply(variables, x).sum()

  step = jax.value_and_grad(loss, argnums=(0, 1))
  assert total(step, variables, X) == 3 * total(loss, variables, X)


def test_a_product_with_ones_or_with_learned_zeros_and_ones_counts():
  args = shape(4, 6), shape(6, 6)
  assert total(lambda x, _: x @ jnp.eye(6), *args) == 0
  assert total(lambda x, _: x @ jnp.tri(6), *args) == 4 * 36
  assert total(lambda x, _: x @ jnp.ones((6, 6)), *args) == 4 * 36
  assert total(lambda x, k: x @ (k == 1).astype(float), *args) == 4 * 36
  assert total(lambda x, k: x @ (k * jnp.eye(6)), *args) == 4 * 36
  # A row of an embedding by a product: the indices are inputs.
  rows = shape(4, dtype=jnp.int32)
  pick = lambda i, k: jax.nn.one_hot(i, 6) @ k  # noqa: E731
  assert total(pick, rows, shape(6, 6)) == 4 * 36


def test_cond_counts_the_dearest_branch():
  def fn(i, x):
    branches = (lambda y: y, lambda y: y @ y @ y, lambda y: y @ y)
    return lax.switch(i, branches, x)

  assert total(fn, shape(dtype=jnp.int32), shape(4, 4)) == 128


@jax.custom_vjp
def _product(x, k):
  return lax.platform_dependent(
    x, k, cpu=lambda x, k: (x[..., None] * k).sum(-2), default=jnp.matmul
  )


_product.defvjp(lambda x, k: (_product(x, k), (x, k)), lambda r, g: (g, g))


def test_platform_dependent_counts_the_default():
  assert total(_product, shape(2, 3), shape(3, 4)) == 24
  swapped = lambda x: lax.platform_dependent(  # noqa: E731
    x, cpu=lambda x: x @ x @ x, default=lambda x: x @ x
  )
  assert total(swapped, shape(4, 4)) == 64


def _with_jvp(fn):
  wrapped = jax.custom_jvp(fn)
  wrapped.defjvp(lambda primals, tangents: (fn(*primals), tangents[0]))
  return wrapped


@pytest.mark.parametrize(
  'wrap',
  [
    jax.jit,
    jax.checkpoint,
    lambda f: jax.jit(jax.checkpoint(jax.jit(f))),
    _with_jvp,
    lambda f: jax.vmap(f, in_axes=(0, None)),
  ],
)
def test_calls_are_entered(wrap):
  x = shape(2, 3, 4)
  assert total(wrap(lambda x, y: jnp.sin(x @ y)), x, shape(4, 5)) == 120


def test_paths_go_through_nested_programs():
  class Block(linen.Module):
    @linen.compact
    def __call__(self, x):
      return jax.jit(jnp.matmul)(linen.Dense(4, name='fc')(x), x)

  class Net(linen.Module):
    @linen.compact
    def __call__(self, x):
      return linen.remat(Block)(name='block')(x)

  paths = [op.path for op in layer(Net(), shape(4, 4)) if op.macs]
  assert paths == ['Net/block/fc', 'Net/block']


def test_macs_do_not_depend_on_the_number_format():
  def integers(x, k):
    return lax.dot_general(
      x.astype(jnp.int8),
      k.astype(jnp.int8),
      (((1,), (0,)), ((), ())),
      preferred_element_type=jnp.int32,
    )

  args = shape(8, 16), shape(16, 4)
  assert total(integers, *args) == total(jnp.matmul, *args) == 512


def test_dead_code_is_left_out():
  def fn(x, y):
    _ = x @ y @ x
    return jnp.sin(x)

  ops = count.count(jax.make_jaxpr(fn)(shape(4, 4), shape(4, 4)))
  assert [op.primitive for op in ops] == ['sin']


def test_unknown_primitives_are_named():
  ops = count.count(jax.make_jaxpr(jnp.fft.fft)(shape(8)))
  assert 'fft' in ' '.join(count.unknown(ops))
  known = linen.Sequential(
    [linen.Conv(4, (3, 3)), linen.gelu, linen.LayerNorm()]
  )
  assert count.unknown(layer(known, X)) == []


def test_a_network_of_common_parts_has_nothing_unknown():
  class Net(linen.Module):
    @linen.compact
    def __call__(self, x, train=False):
      x = linen.hard_swish(linen.Conv(8, (3, 3), strides=2)(x))
      x = linen.BatchNorm(use_running_average=not train)(x)
      x = linen.GroupNorm(4)(linen.avg_pool(x, (2, 2), (2, 2)))
      x = jnp.concatenate([linen.silu(x), linen.max_pool(x, (1, 1))], -1)
      x = jax.image.resize(x, (x.shape[0], 8, 8, 16), 'bilinear')
      x = x.reshape(x.shape[0], -1, 16)[:, ::2]
      x = linen.MultiHeadDotProductAttention(2)(linen.RMSNorm()(x))
      x = linen.Dropout(0.1, deterministic=not train)(linen.elu(x))
      x = linen.Embed(10, 4)(jnp.argmax(x, -1)).mean(1)
      return linen.log_softmax(linen.Dense(10)(x))

  assert count.unknown(layer(Net(), X)) == []


def test_what_depends_on_parameters_alone_is_no_activation():
  def fn(scale, x):
    return x * (jnp.exp(scale) + 1)

  ops = count.count(jax.make_jaxpr(fn)(shape(4), shape(2, 4)), weights=1)
  assert [op.outputs[0].weight for op in ops if op.kind != 'view'] == [
    True,
    True,
    False,
  ]


def test_narrow_integers_take_half_a_byte():
  assert ops_lib.Buffer((3,), jnp.dtype('int4')).nbytes == 2
