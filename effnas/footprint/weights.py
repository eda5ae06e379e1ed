"""The weights file: safetensors, with what is below a byte packed.

A file's tensors are named by their path, e.g. 'params/stage_0/conv/kernel'.
Integers of 4 and 2 bits have no code in the format, and booleans take a byte
there; arrays of them are stored as U8, two, four and eight to a byte, the first
in the lowest bits, and the metadata notes their dtype and shape. Equal
variables give equal bytes, and `size_bytes` knows their number without any
values.

Reference: https://github.com/huggingface/safetensors#format
"""

from collections.abc import Mapping
import json
import math
import re
from typing import Any

from flax.core import meta
import jax
import ml_dtypes
import numpy as np

from effnas import errors, files
from effnas.footprint.program import ops

CODES = {
  'uint8': 'U8',
  'int8': 'I8',
  'uint16': 'U16',
  'int16': 'I16',
  'float16': 'F16',
  'bfloat16': 'BF16',
  'uint32': 'U32',
  'int32': 'I32',
  'float32': 'F32',
  'uint64': 'U64',
  'int64': 'I64',
  'float64': 'F64',
  'float8_e4m3fn': 'F8_E4M3',
  'float8_e5m2': 'F8_E5M2',
}
# As other programs write booleans.
_DTYPES = {code: name for name, code in CODES.items()} | {'BOOL': 'bool'}
# A pickle may run code, so none is loaded.
_PICKLE = (
  'not a weights file but a pickle of PyTorch, which is not read; convert it: '
  'python -c "import torch, safetensors.torch as s; '
  "d = torch.load('model.pth', weights_only=True); "
  "s.save_file(d.get('state_dict', d), 'model.safetensors')\""
)
# Bits of the dtypes that are packed.
_PACKED = {
  'bool': 1,
  'int1': 1,
  'uint1': 1,
  'int2': 2,
  'uint2': 2,
  'int4': 4,
  'uint4': 4,
}


def serialize(variables: Mapping[str, Any]) -> bytes:
  """Turns variables into the bytes of a weights file.

  Args:
    variables: Nested dict of arrays: collections, modules, names. (Sequences
      come back as dicts keyed '0', '1', ...; empty dicts do not come back.)

  Returns:
    The file's content.

  Raises:
    UserError: A name holds '/', or a dtype has no place in the format.

  Example:
    >>> variables = {'params': {'head': {'bias': np.arange(3, dtype='int8')}}}
    >>> data = serialize(variables)
    >>> len(data) == size_bytes(variables)
    True
    >>> deserialize(data)
    {'params': {'head': {'bias': array([0, 1, 2], dtype=int8)}}}
  """
  flat = _flatten(variables)
  return _header(flat) + b''.join(_data(flat[name]) for name in _order(flat))


def size_bytes(variables: Mapping[str, Any]) -> int:
  """Bytes of the weights file: exactly `len(serialize(variables))`.

  Args:
    variables: Nested dict of arrays or of `jax.ShapeDtypeStruct`.

  Returns:
    Bytes, header included.

  Raises:
    UserError: As in `serialize`.
  """
  flat = _flatten(variables)
  return len(_header(flat)) + sum(_nbytes(leaf) for leaf in flat.values())


def deserialize(data: bytes) -> dict[str, Any]:
  """Turns the bytes of a weights file back into variables.

  Args:
    data: The file's content.

  Returns:
    Nested dict of numpy arrays.

  Raises:
    UserError: The bytes are no such file, or a damaged one.
  """
  import safetensors

  try:
    tensors = safetensors.deserialize(bytes(data))
    length = int.from_bytes(data[:8], 'little')
    notes = files.parse(data[8 : 8 + length]).get('__metadata__', {})
    packed = files.parse(notes.get('packed', '{}'))
    leaves = {
      name: _array(tensor, packed.get(name)) for name, tensor in tensors
    }
  except (
    safetensors.SafetensorError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
  ) as error:
    if _is_pickle(data):
      raise errors.UserError(_PICKLE) from None
    raise errors.UserError(
      f'not a weights file (safetensors): {error}'
    ) from error
  variables: dict[str, Any] = {}
  for name in sorted(leaves):
    *parents, last = name.split('/')
    place = variables
    for parent in parents:
      place = place.setdefault(parent, {})
      if not isinstance(place, dict):
        raise errors.UserError(
          f'not a weights file: {name!r} lies below another tensor'
        )
    place[last] = leaves[name]
  return variables


def _is_pickle(data: bytes) -> bool:
  """Whether bytes that are no weights file are a pickle, zipped or bare."""
  if data[8:9] == b'{':  # a weights file that is cut off
    return False
  return b'data.pkl' in data or re.match(rb'\x80[\2-\5]', data) is not None


def _flatten(variables: Mapping[str, Any]) -> dict[str, Any]:
  flat = {}
  for path, leaf in jax.tree_util.tree_leaves_with_path(meta.unbox(variables)):
    names = [_name(k) for k in path]
    name = '/'.join(names)
    if not all(n and '/' not in n for n in names):
      raise errors.UserError(
        f'weights are named by non-empty strings without "/"; got {name!r}'
      )
    if getattr(getattr(leaf, 'dtype', None), 'name', None) not in (
      *CODES,
      *_PACKED,
    ):
      raise errors.UserError(
        f'weights of {name!r} must be an array of one of {", ".join(CODES)} '
        f'or {", ".join(_PACKED)}; got {getattr(leaf, "dtype", type(leaf))}'
      )
    flat[name] = leaf
  return flat


def _name(key: Any) -> str:
  for kind in ('key', 'name', 'idx'):  # of a dict, a dataclass, a sequence
    if hasattr(key, kind):
      return str(getattr(key, kind))
  return str(key)


def _order(flat: Mapping[str, Any]) -> list[str]:
  """Widest dtype first, which keeps every tensor aligned; then by name."""
  return sorted(flat, key=lambda n: (-flat[n].dtype.itemsize, n))


def _nbytes(leaf: Any) -> int:
  shape = tuple(leaf.shape)
  if leaf.dtype.name in _PACKED:
    return -(-math.prod(shape) * _PACKED[leaf.dtype.name] // 8)
  return ops.nbytes(shape, leaf.dtype)


def _header(flat: Mapping[str, Any]) -> bytes:
  header: dict[str, Any] = {}
  packed = {
    name: {'dtype': leaf.dtype.name, 'shape': list(leaf.shape)}
    for name, leaf in sorted(flat.items())
    if leaf.dtype.name in _PACKED
  }
  if packed:
    header['__metadata__'] = {'packed': json.dumps(packed)}
  offset = 0
  for name in _order(flat):
    leaf, size = flat[name], _nbytes(flat[name])
    header[name] = {
      'dtype': CODES.get(leaf.dtype.name, 'U8'),
      'shape': [size] if name in packed else list(leaf.shape),
      'data_offsets': [offset, offset + size],
    }
    offset += size
  text = json.dumps(header, separators=(',', ':'), ensure_ascii=False).encode()
  text += b' ' * (-len(text) % 8)
  return len(text).to_bytes(8, 'little') + text


def _data(leaf: Any) -> bytes:
  array = np.asarray(leaf)
  if array.dtype.name not in _PACKED:
    little = array.dtype.newbyteorder('<')
    return np.ascontiguousarray(array.astype(little, copy=False)).tobytes()
  bits = _PACKED[array.dtype.name]
  parts = array.astype(np.int8).ravel().view(np.uint8) & (2**bits - 1)
  parts = np.append(parts, np.zeros(-parts.size % (8 // bits), np.uint8))
  shifts = np.arange(0, 8, bits, dtype=np.uint8)
  parts = parts.reshape(-1, 8 // bits) << shifts
  return np.bitwise_or.reduce(parts, 1).tobytes()


def _array(tensor: Mapping[str, Any], packed: Any) -> np.ndarray:
  data = bytes(tensor['data'])
  if packed is None:
    dtype = _dtype(_DTYPES[tensor['dtype']])
    return np.frombuffer(data, dtype).reshape(tensor['shape']).copy()
  if packed['dtype'] not in _PACKED:
    raise ValueError(f'packed dtype {packed["dtype"]!r}')
  shape = tuple(packed['shape'])
  bits, elements = _PACKED[packed['dtype']], math.prod(shape)
  shifts = np.arange(0, 8, bits, dtype=np.uint8)
  parts = np.frombuffer(data, np.uint8)[:, None] >> shifts & (2**bits - 1)
  if not 0 <= parts.size - elements < 8 // bits:
    raise ValueError(f'{parts.size} values for the shape {shape}')
  values = parts.ravel()[:elements].reshape(shape).astype(np.int8)
  if packed['dtype'].startswith('int'):
    sign = 2 ** (bits - 1)
    values = (values ^ sign) - sign
  return values.astype(_dtype(packed['dtype']))


def _dtype(name: str) -> np.dtype:
  return np.dtype(getattr(ml_dtypes, name, name))
