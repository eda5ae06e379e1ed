"""A network's variables as coded tensors, and back.

A coded tensor is one array of bytes under the variable's name and `SUFFIX`;
palettes that kernels share lie in the collection `BOOKS`. All else stays as it
is, so variables of which nothing is coded are their own stored form.

A form is used as a whole where its bytes are fewer than those of the array (a
shared palette not counted), and left out otherwise: that follows from the
shape, the dtype, the number of living weights and the palette alone.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from flax import traverse_util
from flax.core import meta
import jax
import numpy as np

from effnas import errors
from effnas.compress.storage import patterns, tensor
from effnas.compress.storage.forms import Form

SUFFIX = '.coded'
BOOKS = 'books' + SUFFIX


class _Shared(NamedTuple):
  """A palette, by one kernel or by several of one book."""

  k: int
  number: int | None
  paths: list[tuple[str, ...]]


def nbytes(variables: Mapping[str, Any]) -> int:
  """Returns the bytes of all arrays, narrow integers packed.

  Args:
    variables: Nested dict of arrays or of `jax.ShapeDtypeStruct`.

  Example:
    >>> nbytes({'a': np.ones(3, np.float32), 'b': np.ones(3, 'int8')})
    15
  """
  return sum(
    patterns.nbytes(leaf.size, leaf.dtype) for leaf in _flat(variables).values()
  )


def pack(
  variables: Mapping[str, Any], forms: Mapping[str, Form] | None = None
) -> dict[str, Any]:
  """Codes the variables that have a form.

  Args:
    variables: Nested dict of arrays, names without slashes.
    forms: Path, joined by slashes -> form.

  Returns:
    Nested dict of arrays, coded ones uint8 [n].

  Raises:
    UserError: A form that is for no variable or does not fit it, or a name
      that is kept for what is coded.

  Example:
    >>> kernel = np.eye(32, dtype=np.float32)
    >>> forms = {'head/kernel': Form(kernel != 0)}
    >>> stored = pack({'head': {'kernel': kernel, 'bias': kernel[0]}}, forms)
    >>> {name: array.nbytes for name, array in stored['head'].items()}
    {'bias': 128, 'kernel.coded': 271}
  """
  flat, forms = _resolved(variables, forms)
  kernels = {path: _host(flat[path]) for path in forms}
  masks = {
    path: form.mask(_said(path), kernels[path].shape)
    for path, form in forms.items()
  }
  living = {
    path: _living(path, kernel, masks[path]) for path, kernel in kernels.items()
  }
  palettes = {
    key: tensor.Palette(
      tensor.values([living[path] for path in paths], k, _said(key)), number
    )
    for key, (k, number, paths) in _palettes(forms, kernels).items()
  }

  def code(path, form):
    palette = palettes.get(_key(path, form))
    return tensor.encode(kernels[path], masks[path], palette, form.huffman)

  def book(name, paths):
    values = palettes[name].values
    return tensor.encode(patterns.numbers(values, kernels[paths[0]].dtype))

  return _placed(flat, forms, code, book)


def packed_shapes(
  shapes: Mapping[str, Any], forms: Mapping[str, Form] | None = None
) -> dict[str, Any]:
  """Returns the shapes that `pack` will give, before there are any values.

  Args:
    shapes: Nested dict of `jax.ShapeDtypeStruct` or of arrays.
    forms: As for `pack`; `living` may be the number of living weights.

  Returns:
    Nested dict of `jax.ShapeDtypeStruct`.

  Raises:
    UserError: As in `pack`; or a form with Huffman codes, whose size depends on
      the values (that without is the most that it can be).

  Example:
    >>> shapes = {'kernel': jax.ShapeDtypeStruct((32, 32), 'float32')}
    >>> packed_shapes(shapes, {'kernel': Form(living=32)})
    {'kernel.coded': ShapeDtypeStruct(shape=(271,), dtype=uint8)}
  """
  flat, forms = _resolved(shapes, forms)
  coded = [_said(path) for path, form in forms.items() if form.huffman]
  if coded:
    raise errors.UserError(
      'the size of Huffman codes depends on the values: without huffman=True '
      f'the largest that {", ".join(coded)} can be is known'
    )
  palettes = _palettes(forms, flat)

  def code(path, form):
    shape, dtype = tuple(flat[path].shape), flat[path].dtype
    living = form.count(_said(path), shape)
    shared = form.book is not None
    return _bytes(tensor.nbytes(shape, dtype, living, form.palette, shared))

  def book(name, paths):
    return _bytes(tensor.nbytes((palettes[name].k,), flat[paths[0]].dtype))

  found = _placed(flat, forms, code, book)
  return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), found)


def unpack(stored: Mapping[str, Any]) -> dict[str, Any]:
  """Undoes `pack`.

  Args:
    stored: What it returned, as it is or read back from a file.

  Returns:
    Nested dict of arrays, equal to the variables to the bit (but for the sign
    of zeros that a mask left out); what was coded as numpy arrays.

  Raises:
    UserError: Coded bytes are damaged or incomplete.

  Example:
    >>> eye = np.eye(32, dtype='int8')
    >>> stored = pack({'kernel': eye}, {'kernel': Form(palette=2)})
    >>> bool((unpack(stored)['kernel'] == eye).all())
    True
  """
  flat, books, variables = _flat(stored), {}, {}
  for path in [path for path in flat if path[0] == BOOKS]:
    number = path[-1]
    if len(path) != 2 or not (number.isascii() and number.isdigit()):
      raise errors.UserError(f'{_said(path)!r} is no book of a palette')
    books[int(number)] = _decoded(path, flat.pop(path), {})
  for path, leaf in flat.items():
    *parents, name = path
    coded = name.endswith(SUFFIX)
    plain = (*parents, name.removesuffix(SUFFIX))
    if coded and plain in flat:
      raise errors.UserError(f'{_said(plain)!r} is stored plain and coded')
    variables[plain] = _decoded(path, leaf, books) if coded else leaf
  return traverse_util.unflatten_dict(variables)


def _said(key):
  """A path as users write it, or the name of a book."""
  return key if isinstance(key, str) else '/'.join(key)


def _flat(variables):
  return traverse_util.flatten_dict(meta.unbox(dict(variables)))


def _resolved(variables, forms):
  """Variables by path, and the forms of those that may be coded."""
  flat, forms = _flat(variables), dict(forms or {})
  paths = {_said(path): path for path in flat}
  for path in forms:
    if path not in paths:
      raise errors.unknown('variable with a form', path, paths)
  for name, path in paths.items():
    if path[0] == BOOKS or path[-1].endswith(SUFFIX):
      raise errors.UserError(
        f'names that end in {SUFFIX!r} are those of coded variables; got '
        f'{name!r}'
      )
  return flat, {paths[name]: form for name, form in forms.items()}


def _palettes(forms, kernels):
  """By name: its values, the number of its book or None, its kernels' paths."""
  groups: dict[Any, list] = {}
  for path, form in forms.items():
    if form.palette is not None:
      groups.setdefault(_key(path, form), []).append(path)
  books = sorted(key for key in groups if isinstance(key, str))
  found = {}
  for key, paths in groups.items():
    kinds = {(forms[p].palette, kernels[p].dtype.name) for p in paths}
    if len(kinds) > 1:
      raise errors.UserError(
        f'kernels that share the book {key!r} have one palette and dtype; got '
        f'{sorted(kinds)}'
      )
    number = books.index(key) if key in books else None
    found[key] = _Shared(int(next(iter(kinds))[0]), number, paths)
  return found


def _key(path, form):
  """Of a palette: the name of its book, or the path of its kernel."""
  return path if form.book is None else form.book


def _host(leaf):
  # JAX 0.10.2 hands arrays of one bit over as bool.
  return np.asarray(leaf).astype(leaf.dtype, copy=False)


def _living(path, kernel, mask):
  if mask is None:
    return kernel
  stray = int(np.count_nonzero(kernel[~mask]))
  if stray:
    raise errors.UserError(
      f'{_said(path)!r} has {stray} weights other than zero where its mask '
      'is false; apply the mask first'
    )
  return kernel[mask]


def _placed(flat, forms, code, book):
  """Puts coded tensors where they are smaller, and the books they need."""
  stored = {path: leaf for path, leaf in flat.items() if path not in forms}
  palettes, used = _palettes(forms, flat), set()
  for path, form in forms.items():
    leaf, data = flat[path], code(path, form)
    plain = patterns.nbytes(leaf.size, leaf.dtype)
    if data.size < plain:
      stored[(*path[:-1], path[-1] + SUFFIX)] = data
      used |= {form.book} - {None}
    else:
      stored[path] = leaf
  for name in sorted(used):
    palette = palettes[name]
    stored[BOOKS, str(palette.number)] = book(name, palette.paths)
  return traverse_util.unflatten_dict(stored)


def _decoded(path, data, books):
  try:
    return tensor.decode(np.asarray(data), books)
  except errors.UserError as error:
    raise errors.UserError(f'{_said(path)!r} is damaged: {error}') from error


def _bytes(n):
  return jax.ShapeDtypeStruct((n,), np.uint8)
