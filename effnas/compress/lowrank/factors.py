"""Kernels as products of smaller ones: SVD of matrices, Tucker-2 of windows.

Reference:
  Eckart and Young, "The approximation of one matrix by another of lower rank",
  Psychometrika 1, 1936; De Lathauwer et al., "On the best rank-1 and
  rank-(R1, ..., RN) approximation of higher-order tensors", SIAM Journal on
  Matrix Analysis and Applications 21, 2000 (HOSVD and HOOI); Kim et al., 2016,
  https://arxiv.org/abs/1511.06530 (Tucker-2 of convolutions)
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

_HIGHEST = jax.lax.Precision.HIGHEST


class Tucker(NamedTuple):
  """A kernel [*window, C, F] as three.

  Attributes:
    reduce: [C, r], with orthonormal columns.
    core: [*window, r, s].
    expand: [s, F], with orthonormal rows.
  """

  reduce: jax.Array
  core: jax.Array
  expand: jax.Array


def svd(matrix: jax.Array, rank: int) -> tuple[jax.Array, jax.Array]:
  """Returns the product of rank r that is nearest to a matrix.

  Both factors take a root of each singular value, so that neither is larger
  than the other when they are trained.

  Args:
    matrix: [C, F].
    rank: r, up to min(C, F).

  Returns:
    [C, r] and [r, F]. The squared error is the sum of the squared singular
    values from r on, which no other product of this rank undercuts.

  Example:
    >>> left, right = svd(jnp.array([[2., 0.], [0., 1.]]), 1)
    >>> (abs(left @ right)).round(3).tolist()
    [[2.0, 0.0], [0.0, 0.0]]
  """
  u, s, v = jnp.linalg.svd(matrix, full_matrices=False)
  root = jnp.sqrt(s[:rank])
  return u[:, :rank] * root, root[:, None] * v[:rank]


def tucker(
  kernel: jax.Array, ranks: tuple[int, int], iterations: int = 10
) -> Tucker:
  """Factors the channels of a convolution's kernel.

  HOSVD gives the first factors, and each iteration of HOOI the best factor of
  one side for that of the other, so that the error never rises.

  Args:
    kernel: [*window, C, F].
    ranks: (r, s), up to C and F.
    iterations: Of HOOI; 0 leaves HOSVD's.

  Returns:
    The factors; with ranks (C, F) their product is the kernel.

  Example:
    >>> kernel = jax.random.normal(jax.random.key(0), (3, 3, 8, 6))
    >>> [factor.shape for factor in tucker(kernel, (4, 2))]
    [(8, 4), (3, 3, 4, 2), (2, 6)]
  """
  r, s = ranks
  inputs = _leading(kernel, -2, r)
  outputs = _leading(kernel, -1, s)
  for _ in range(iterations):
    inputs = _leading(_product('...cf,fs->...cs', kernel, outputs), -2, r)
    outputs = _leading(_product('...cf,cr->...rf', kernel, inputs), -1, s)
  core = _product('...cf,cr,fs->...rs', kernel, inputs, outputs)
  return Tucker(inputs, core, outputs.T)


def whole(factors: Tucker) -> jax.Array:
  """Returns the kernel [*window, C, F] that Tucker factors stand for.

  Example:
    >>> whole(Tucker(jnp.ones((4, 1)), jnp.ones((3, 3, 1, 1)),
    ...   jnp.ones((1, 5)))).shape
    (3, 3, 4, 5)
  """
  return _product('cr,...rs,sf->...cf', *factors)


def spectra(kernel: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Returns the singular values of a kernel's unfoldings.

  Args:
    kernel: [*window, C, F]; a window of size 1 or none is a matrix.

  Returns:
    Along C and along F, descending, at most one for each channel; those of a
    matrix are equal.

  Example:
    >>> along_inputs, along_outputs = spectra(jnp.ones((3, 3, 2, 4)))
    >>> [round(float(value), 3) for value in along_inputs]
    [8.485, 0.0]
  """
  inputs, outputs = _unfolded(kernel, -2), _unfolded(kernel, -1)
  return (
    jnp.linalg.svd(inputs, compute_uv=False),
    jnp.linalg.svd(outputs, compute_uv=False),
  )


def _product(subscripts, *operands):
  return jnp.einsum(subscripts, *operands, precision=_HIGHEST)


def _unfolded(kernel, axis):
  moved = jnp.moveaxis(kernel, axis, 0)
  return moved.reshape(len(moved), -1)


def _leading(kernel, axis, rank):
  """Orthonormal [channels, rank], the leading directions of an axis."""
  unfolded = _unfolded(kernel, axis)
  u = jnp.linalg.svd(unfolded, full_matrices=unfolded.shape[1] < rank)[0]
  return u[:, :rank]
