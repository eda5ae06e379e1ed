"""What of a network is deployed: converted, and stored as a file."""

from collections.abc import Sequence
import pathlib
from typing import Any

import jax.numpy as jnp

from effnas import errors, files, quant
from effnas.compress import storage
from effnas.footprint import weights
from effnas.recipe import network as network_lib


def converted(
  network: network_lib.Network, input_shape: Sequence[int], dtype: Any
) -> network_lib.Network:
  """Returns the network to serve; kernels under rules are integers.

  Args:
    network: A network, or a plan of one.
    input_shape: Of one example, without the batch.
    dtype: Of the inputs.
  """
  if not any(type(rule) is quant.Quantize for rule in network.net.rules):
    return network
  net = network.net

  def convert(variables):
    return quant.convert(net, variables, input_shape, dtype)[1]

  variables = network.mapped(convert)
  return network.replace(net=quant.serving(net), variables=variables)


def stored(network: network_lib.Network) -> dict[str, Any]:
  """Returns what the weights file of a network holds.

  Args:
    network: Converted, or a plan of it: then only shapes come back.

  Returns:
    What `effnas.footprint.weights` writes; `effnas.compress.storage.unpack`
    makes variables of it.
  """
  forms = {}
  for path, kernel in network_lib.flat(network.variables['params']).items():
    tied, living = network.tied.get(path), network.masks.get(path)
    narrow = network.huffman and not jnp.issubdtype(kernel.dtype, jnp.floating)
    if tied is not None or living is not None or narrow:
      forms[f'params/{path}'] = storage.Form(
        living=living,
        palette=None if tied is None else tied.clusters,
        book=None if tied is None else tied.book,
        huffman=network.huffman,
      )
  if not forms:
    return dict(network.variables)
  if network.planned:
    return storage.packed_shapes(network.variables, forms)
  return storage.pack(network.variables, forms)


def write(network: network_lib.Network, path: pathlib.Path) -> None:
  """Writes the weights file of a network, as a whole or not at all.

  Args:
    network: Converted.
    path: The file; its folder is made.
  """
  files.made(path.parent)
  files.write(path, weights.serialize(stored(network)))


def read(path: str | pathlib.Path) -> dict[str, Any]:
  """Reads a weights file, also one that is stored sparse or clustered.

  Raises:
    UserError: It is missing, or no weights file.
  """
  path = pathlib.Path(path)
  try:
    return storage.unpack(weights.deserialize(path.read_bytes()))
  except OSError as e:
    raise errors.UserError(
      f'cannot read the weights {path}: {e.strerror}'
    ) from None
  except errors.UserError as e:
    raise errors.UserError(f'{path}: {e}') from None
