"""Rules that put a device's fused kernels in place of XLA's arithmetic.

Which kernels a process has is known once its devices are; a search's driver
must not ask for them, and a count must see the plain arithmetic. Hence a rule,
which a process adds to those of a network that it is about to run.
"""

from collections.abc import Callable
import dataclasses
from typing import ClassVar

from flax import linen
import jax

from effnas.nn import rewrite
from effnas.nn.attention import softmax

# What cuDNN's kernel needs: Ampere.
_CAPABILITY = (8, 0)


@dataclasses.dataclass(frozen=True)
class FusedAttention(rewrite.Rule):
  """Computes softmax attention in cuDNN's fused kernel where that can.

  O(T) in memory. What the kernel cannot take, XLA computes as before.

  Reference:
    Dao et al., 2022, FlashAttention, https://arxiv.org/abs/2205.14135
  """

  layers: ClassVar[tuple[type, ...]] = (softmax.Softmax,)

  def compute(
    self, module: linen.Module, call: Callable[[], jax.Array]
  ) -> jax.Array:
    """Calls the layer with `fused` set."""
    with rewrite.lend(module, fused=True):
      return call()


def rules(device: jax.Device | None = None) -> tuple[rewrite.Rule, ...]:
  """Returns the rules for what runs on a device.

  Args:
    device: None is JAX's first one; asking for it starts JAX's backends.

  Returns:
    Rules to add to those of a `rewrite.Rewritten`; none where the device has
    no such kernels.

  Example:
    >>> rules(jax.devices('cpu')[0])
    ()
  """
  device = jax.devices()[0] if device is None else device
  if device.platform not in ('gpu', 'cuda'):
    return ()
  # ROCm's devices name an architecture here, as 'gfx942'.
  capability = str(getattr(device, 'compute_capability', ''))
  try:
    known = tuple(int(part) for part in capability.split('.'))
  except ValueError:
    return ()
  return (FusedAttention(),) if known >= _CAPABILITY else ()
