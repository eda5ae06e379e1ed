"""The layers of a network that can be quantized, and their widths."""

from collections.abc import Iterable, Mapping
import math
from typing import Any

from effnas import errors, quant
from effnas.nn import paths, rewrite
from effnas.quant import traced


def of(
  net: rewrite.Rewritten,
  variables: Mapping[str, Any],
  takes: tuple[tuple[int, ...], Any],
) -> dict[str, int]:
  """Returns the layers that can be quantized: path -> weights of the kernel.

  Args:
    net: A network.
    variables: Its variables.
    takes: Shape of one example and dtype of the inputs.

  Raises:
    UserError: There are none, or the network's kernels are integers already.
  """
  seen = rewrite.coverage(net.model, (traced.Traced(),), *takes)
  flat = paths.flatten(variables['params'])
  found = {}
  for path in seen.rules_by_path:
    kernel = flat[f'{path}/kernel' if path else 'kernel']
    if kernel.dtype.kind != 'f' and kernel.dtype.name != 'bfloat16':
      raise errors.UserError(
        f'the network is quantized already: the kernel of {path!r} is '
        f'{kernel.dtype}; start from one that was trained in float'
      )
    found[path] = math.prod(kernel.shape)
  if not found:
    raise errors.UserError('the network has no layer that can be quantized')
  return found


def widths(bits: Iterable[int]) -> tuple[int, ...]:
  """Returns widths for weights, each once.

  Args:
    bits: The widths.

  Raises:
    UserError: There is none, or one that is not 1 to 8.
  """
  found = tuple(dict.fromkeys(bits))
  for width in found:
    if width not in range(1, 9):
      raise errors.UserError(
        f'the widths of a sensitivity analysis are 1 to 8 bits; got {width!r}'
      )
  if not found:
    raise errors.UserError('name one width or more, 1 to 8 bits; got none')
  return found


def others(net: rewrite.Rewritten) -> tuple[rewrite.Rule, ...]:
  """Returns a network's rules that are not about quantization."""
  return tuple(r for r in net.rules if not isinstance(r, quant.Quantize))
