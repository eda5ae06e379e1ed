"""Fine-tuning by low-rank adapters, which are then merged."""

import dataclasses
from typing import Any

from effnas import errors
from effnas.compress.lowrank import lora
from effnas.nn import rewrite
from effnas.recipe import step


@dataclasses.dataclass(frozen=True, kw_only=True)
class Adapt(step.Step):
  """Trains low-rank sums beside the kernels, and adds them to the kernels.

  The network stays as large as it was. Normalisations' statistics move on,
  other parameters do not.

  Attributes:
    rank: Channels of an adapter.
    alpha: Scale of the sums.
    pattern: On the paths of the layers.
    seed: Of the adapters' first weights.

  Reference:
    Hu et al., 2021, LoRA, https://arxiv.org/abs/2106.09685
  """

  epochs: int = 1
  rank: int = 4
  alpha: float = 8.0
  pattern: str = '*'
  seed: int = 0
  refuses = {
    'factor': 'adapters stand beside whole layers; adapt before',
    'prune': 'merged adapters are dense; adapt before',
    'regrow': 'merged adapters are dense; adapt before',
    'cluster': 'merged adapters move each weight; adapt before',
    'quantize': 'kernels are integers by then; adapt before',
    'encode': 'the file is coded by then; adapt before',
  }

  def __post_init__(self):
    """Checks the settings."""
    super().__post_init__()
    if not self.epochs:
      raise errors.UserError('adapters need epochs, 1 or more')

  def plan(self, network, input_shape, dtype):
    """See `Step`."""
    del input_shape, dtype
    return network

  def run(self, network, context):
    """See `Step`."""
    shape, dtype = context.inputs
    rules = [lora.Adapter(self.pattern, self.rank, self.alpha)]
    wide, variables = lora.add(
      network.net.model, network.variables, rules, shape, dtype, self.seed
    )
    fitted = context.fit(
      self.name,
      network.replace(
        net=rewrite.Rewritten(wide, network.net.rules), variables=variables
      ),
      epochs=self.epochs,
      lr=self.lr,
      wrap=_only,
    )
    _, variables = lora.merge(wide, fitted.variables, shape, dtype)
    return network.replace(variables=variables)


def _only(optimizer: Any, steps: int) -> Any:
  """Lets adapters move alone; see `effnas.train.fit`."""
  del steps
  return lora.only(optimizer)
