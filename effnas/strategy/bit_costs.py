"""What any assignment of bits to layers costs, without converting each.

A layer's converted kernel depends on its own width alone. So the network is
converted once for each width, in shapes, and the weights file of an assignment
is put together from those: its size is exact, header included.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flax import traverse_util

from effnas import footprint, quant
from effnas.nn import rewrite
from effnas.recipe import deployed


class BitCosts:
  """The costs of a network by its layers' bits."""

  def __init__(
    self,
    model: Any,
    layers: Iterable[str],
    widths: Iterable[int],
    *,
    input_shape: Sequence[int],
    input_dtype: Any,
    activations: int = 8,
    targets: Sequence[str] = (),
    batch: int | None = None,
  ):
    """Converts the network at each width, in shapes.

    Args:
      model: The float network, a Linen module.
      layers: Paths of the layers that have bits.
      widths: Bits that a layer may have; 32 is float.
      input_shape: Of one example, without the batch.
      input_dtype: Of the inputs.
      activations: Bits of the inputs of layers that are not in float.
      targets: Devices to give a latency for.
      batch: Examples at a time, for latencies.
    """
    self._plain = rewrite.Rewritten(model)
    self._activations = activations
    self._about: dict[str, Any] = {
      'batch': batch,
      'targets': tuple(targets),
      'input_dtype': input_dtype,
    }
    self._input_shape = tuple(input_shape)
    self._own = {tuple(p.split('/')) if p else (): p for p in layers}
    self._leaves = {}
    for width in widths:
      rules = quant.rules(width, activations if width != quant.FLOAT else width)
      tree = deployed.converted(
        rewrite.Rewritten(model, rules), self._input_shape, input_dtype
      )
      self._leaves[width] = traverse_util.flatten_dict(tree)

  def __call__(self, bits: Mapping[str, int]) -> dict[str, float]:
    """Returns 'size_bytes' and 'latency_ms@T' of each target.

    Args:
      bits: Path -> bits of its weights, for every layer.
    """
    some = next(iter(self._leaves.values()))
    flat = {k: leaf for k, leaf in some.items() if k[1:-1] not in self._own}
    for key, path in self._own.items():
      leaves = self._leaves[bits[path]]
      flat |= {k: leaf for k, leaf in leaves.items() if k[1:-1] == key}
    found = footprint.measure(
      self._plain,
      self._input_shape,
      variables=traverse_util.unflatten_dict(flat),
      bits=lambda path: self._formats(bits.get(path)),
      **self._about,
    )
    return {
      name: value
      for name, value in found.items()
      if name == 'size_bytes' or name.startswith('latency_ms@')
    }

  def _formats(self, width: int | None) -> tuple[int | None, int | None]:
    if width is None or width == quant.FLOAT:
      return None, None
    own = self._activations
    return width, None if own == quant.FLOAT else own
