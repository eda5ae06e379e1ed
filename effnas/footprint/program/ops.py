"""The vocabulary of a counted program: buffers, operations, and their MACs."""

from collections.abc import Mapping
import dataclasses
import math
from typing import Any

from effnas.footprint.program import known as known_lib

_NARROW = {'int4': 4, 'uint4': 4, 'int2': 2, 'uint2': 2}  # bits below a byte

_KINDS = {
  'view': """
    axis_index bitcast_convert_type broadcast_in_dim copy copy_p create_token
    expand_dims iota layout_constraint name optimization_barrier platform_index
    pvary random_unwrap random_wrap reshape sharding_constraint squeeze
    stop_gradient transpose""",
  'elementwise': """
    abs acos acosh add add_any and asin asinh atan atan2 atanh bessel_i0e
    bessel_i1e cbrt ceil clamp clz complex conj convert_element_type cos cosh
    digamma div eq eq_to erf erf_inv erfc exp exp2 expm1 floor ge gt igamma
    igammac imag integer_pow is_finite le le_to lgamma log log1p log2 logistic
    lt lt_to max min mul ne neg nextafter not one_minus_square or polygamma
    polynomial population_count pow real reduce_precision
    regularized_incomplete_beta rem round rsqrt select_n shift_left
    shift_right_arithmetic shift_right_logical sign sin sinh sqrt square sub
    tan tanh xor zeta""",
  'reduce': """
    argmax argmin cumlogsumexp cummax cummin cumprod cumsum reduce reduce_and
    reduce_max reduce_min reduce_or reduce_prod reduce_sum reduce_window
    reduce_window_max reduce_window_min reduce_window_sum reduce_xor""",
  'data': """
    approx_top_k concatenate dynamic_slice dynamic_update_slice gather pad
    random_bits random_fold_in random_gamma random_seed random_split rev
    rng_bit_generator rng_uniform scatter scatter-add scatter-max scatter-min
    scatter-mul scatter_add scatter_max scatter_min scatter_mul scatter_sub
    select_and_gather_add select_and_scatter_add slice sort split threefry2x32
    tile top_k""",
}
_KIND = {name: kind for kind, names in _KINDS.items() for name in names.split()}
VIEWS = frozenset(_KINDS['view'].split())


@dataclasses.dataclass(eq=False, slots=True)
class Buffer:
  """One array of a program; two buffers are equal only if they are the same.

  Attributes:
    shape: Its shape.
    dtype: Its dtype.
    weight: Whether it depends on parameters and constants alone. Such a value
      is known before the program runs, so it is no activation.
    known: What it holds, as far as the program alone tells: see `known`.
  """

  shape: tuple[int, ...]
  dtype: Any
  weight: bool = False
  known: known_lib.Known = None

  @property
  def elements(self) -> int:
    """Number of elements."""
    return math.prod(self.shape)

  @property
  def nbytes(self) -> int:
    """Bytes at its own dtype; int4 takes half a byte an element."""
    return nbytes(self.shape, self.dtype)


@dataclasses.dataclass(eq=False, slots=True)
class Op:
  """One operation of a program, loops and calls unrolled into their bodies.

  Attributes:
    primitive: Name of the JAX primitive.
    kind: 'conv', 'pointwise' (a 1x1 convolution), 'grouped', 'depthwise',
      'dot', 'elementwise', 'reduce', 'data' (moves values), 'view' (moves
      nothing), 'loop' (an end of a loop) or 'unknown'.
    path: Where it was called from: module path, names joined by '/'.
    macs: Multiply-accumulates of all its executions together.
    times: How often it is executed: the product of the loop lengths around it.
    inputs: What it reads.
    outputs: What it writes.
  """

  primitive: str
  kind: str
  path: str
  macs: int
  times: int
  inputs: tuple[Buffer, ...]
  outputs: tuple[Buffer, ...]


def nbytes(shape: tuple[int, ...], dtype: Any) -> int:
  """Bytes of an array; narrow integers are packed, whole bytes are charged.

  Args:
    shape: Shape of the array.
    dtype: Its dtype.

  Returns:
    Bytes.

  Example:
    >>> import jax.numpy as jnp
    >>> nbytes((3, 5), jnp.dtype('int4'))
    8
  """
  bits = _NARROW.get(getattr(dtype, 'name', ''), 8 * dtype.itemsize)
  return -(-math.prod(shape) * bits // 8)


def kind(name: str, params: Mapping[str, Any], shapes: list) -> str:
  """Says what kind of operation a primitive is.

  Args:
    name: Name of the primitive.
    params: Its parameters.
    shapes: Shapes of its inputs.

  Returns:
    One of the kinds of `Op`.
  """
  if name == 'dot_general':
    return 'dot'
  if name == 'conv_general_dilated':
    groups = params['feature_group_count'] * params['batch_group_count']
    numbers = params['dimension_numbers']
    if groups > 1:
      channels = shapes[0][numbers.lhs_spec[1]]
      return 'depthwise' if groups == channels else 'grouped'
    taps = math.prod(shapes[1][d] for d in numbers.rhs_spec[2:])
    return 'conv' if taps > 1 else 'pointwise'
  return _KIND.get(name, 'unknown')


def macs(name: str, params: Mapping[str, Any], shapes: list, out: tuple) -> int:
  """Multiply-accumulates of one execution of a primitive.

  Only convolutions and products of matrices have any. A convolution has output
  elements x kernel taps x input channels / groups; taps that fall on padding
  count. A transposed convolution (`lhs_dilation` > 1) has input elements x
  taps x output channels / groups instead: the zeros between the inputs are no
  work (as fvcore counts `conv_transpose`).

  Args:
    name: Name of the primitive.
    params: Its parameters.
    shapes: Shapes of its inputs.
    out: Shape of its first output.

  Returns:
    The number of multiply-accumulates.
  """
  if name == 'dot_general':
    (contracted, _), _ = params['dimension_numbers']
    return math.prod(out) * math.prod(shapes[0][d] for d in contracted)
  if name != 'conv_general_dilated':
    return 0
  numbers, (lhs, rhs) = params['dimension_numbers'], shapes[:2]
  features_out, features_in, *spatial = numbers.rhs_spec
  taps = math.prod(rhs[d] for d in spatial)
  if math.prod(params['lhs_dilation']) > 1:
    groups = params['feature_group_count'] * params['batch_group_count']
    return math.prod(lhs) * taps * rhs[features_out] // groups
  return math.prod(out) * taps * rhs[features_in]
