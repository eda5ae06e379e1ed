"""Deep Compression: prune, cluster, encode, and the bytes after each stage.

Reference:
  Han, Mao and Dally, 2016, https://arxiv.org/abs/1510.00149
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
from typing import Any

from flax import traverse_util
import jax.numpy as jnp
import numpy as np

from effnas.compress.clustering import codebooks as codebooks_lib
from effnas.compress.clustering import huffman, packing, runs

STAGES = ('dense', 'pruned', 'clustered', 'encoded')


@dataclasses.dataclass(frozen=True, eq=False)
class Coded:
  """Symbols under a Huffman code.

  Attributes:
    size: Symbols.
    code: uint8 [n], the lengths of the code's words.
    data: uint8, the packed words.
  """

  size: int
  code: np.ndarray
  data: np.ndarray

  @property
  def nbytes(self) -> int:
    """Bytes of the words and of the table of lengths."""
    return self.code.nbytes + self.data.nbytes


@dataclasses.dataclass(frozen=True, eq=False)
class Tensor:
  """One coded tensor.

  Attributes:
    shape: Of the weights.
    dtype: Name of their type.
    book: Name of the codebook.
    indices: Of the weights that are left, in row-major order.
    run_bits: Bits of a run of zeros before coding; 0 where nothing is pruned.
    zeros: The runs, or None.
  """

  shape: tuple[int, ...]
  dtype: str
  book: str
  indices: Coded
  run_bits: int
  zeros: Coded | None


@dataclasses.dataclass(frozen=True, eq=False)
class Archive:
  """Coded parameters.

  Attributes:
    tensors: Path -> coded tensor.
    codebooks: Name -> float32 [k].
    rest: Path -> array, stored as it is.
    stages: Stage -> bytes of all parameters after it: 'dense' as given,
      'pruned' (weights that are left, and packed runs of zeros), 'clustered'
      (packed indices instead of weights, and codebooks), 'encoded' (Huffman
      codes instead of packed integers, and their tables). Arrays only; shapes
      and names are not in it.
  """

  tensors: dict[str, Tensor]
  codebooks: dict[str, np.ndarray]
  rest: dict[str, np.ndarray]
  stages: dict[str, int]

  @property
  def ratio(self) -> float:
    """Bytes before over bytes after."""
    return self.stages['dense'] / self.stages['encoded']


def compress(
  params: Mapping[str, Any],
  codebooks: Sequence[codebooks_lib.Codebook] = (codebooks_lib.Codebook(),),
  masks: Mapping[str, Any] | None = None,
  fine_tune: Callable[[codebooks_lib.Clustered], codebooks_lib.Clustered]
  | None = None,
) -> Archive:
  """Runs the three stages.

  Args:
    params: Nested mappings of arrays.
    codebooks: As for `codebooks.cluster`.
    masks: As there; what is False is pruned.
    fine_tune: Trains `clustered.trainable` before the coding, where given.

  Returns:
    The archive.

  Example:
    >>> kernel = jnp.arange(4096.).reshape(64, 64)
    >>> mask = {'kernel': kernel % 8 == 0}
    >>> archive = compress({'kernel': kernel}, masks=mask)
    >>> archive.stages
    {'dense': 16384, 'pruned': 2304, 'clustered': 576, 'encoded': 416}
    >>> bool((decompress(archive)['kernel'] == 0).sum() == 4096 * 7 / 8)
    True
  """
  clustered = codebooks_lib.cluster(params, codebooks, masks)
  if fine_tune is not None:
    clustered = fine_tune(clustered)
  return encode(clustered)


def encode(clustered: codebooks_lib.Clustered) -> Archive:
  """Codes clustered parameters; the last stage alone.

  Args:
    clustered: As `codebooks.cluster` returns it.

  Returns:
    The archive.

  Example:
    >>> archive = encode(codebooks_lib.cluster({'kernel': jnp.arange(64.)}))
    >>> archive.tensors['kernel'].zeros is None
    True
  """
  masks, dtypes = _host(clustered.masks), dict(clustered.dtypes)
  books = _host(clustered.trainable['codebooks'])
  rest = {  # masks of what no codebook takes hold for good, too
    path: array * masks.get(path, np.array(True)).astype(array.dtype)
    for path, array in _host(clustered.trainable['rest']).items()
  }
  stored = sum(array.nbytes for array in rest.values())
  stages = dict.fromkeys(STAGES, stored)
  for stage in ('clustered', 'encoded'):
    stages[stage] += sum(book.nbytes for book in books.values())
  tensors = {}
  for path, book in clustered.names:
    indices, mask = np.asarray(clustered.indices[path]), masks.get(path)
    left = indices.ravel() if mask is None else indices[mask]
    bits, packed_zeros, zeros = 0, 0, None
    if mask is not None:
      bits = runs.best_bits(mask)
      symbols = runs.encode(mask, bits)
      packed_zeros = packing.packed_bytes(symbols.size, bits)
      zeros = _coded(symbols, 2**bits)
    k = books[book].size
    tensor = Tensor(
      indices.shape, dtypes[path], book, _coded(left, k), bits, zeros
    )
    tensors[path] = tensor
    width = jnp.dtype(tensor.dtype).itemsize
    packed = packing.packed_bytes(left.size, packing.bits_of(k))
    stages['dense'] += indices.size * width
    stages['pruned'] += left.size * width + packed_zeros
    stages['clustered'] += packed + packed_zeros
    stages['encoded'] += tensor.indices.nbytes + (zeros.nbytes if zeros else 0)
  return Archive(tensors, books, rest, stages)


def decompress(archive: Archive) -> dict[str, Any]:
  """Returns plain parameters, equal to those that were coded.

  Args:
    archive: What `compress` or `encode` returned.

  Returns:
    Nested dicts of arrays.
  """
  flat: dict[str, Any] = dict(archive.rest)
  for path, tensor in archive.tensors.items():
    mask = np.ones(tensor.shape, bool)
    if tensor.zeros is not None:
      mask = runs.decode(_plain(tensor.zeros), tensor.run_bits, tensor.shape)
    centroids = archive.codebooks[tensor.book].astype(jnp.dtype(tensor.dtype))
    array = np.zeros(tensor.shape, centroids.dtype)
    array[mask] = centroids[_plain(tensor.indices)]
    flat[path] = array
  flat = {path: jnp.asarray(array) for path, array in flat.items()}
  return traverse_util.unflatten_dict(flat, sep='/')


def _host(arrays):
  return {name: np.asarray(array) for name, array in arrays.items()}


def _coded(symbols: np.ndarray, n: int) -> Coded:
  code = huffman.lengths(np.bincount(symbols, minlength=n))
  return Coded(symbols.size, code, huffman.encode(symbols, code))


def _plain(coded: Coded) -> np.ndarray:
  return huffman.decode(coded.data, coded.code, coded.size)
