"""The weights file is Huffman-coded."""

import dataclasses

from effnas import errors
from effnas.recipe import step


@dataclasses.dataclass(frozen=True, kw_only=True)
class Encode(step.Step):
  """Codes clusters' indices and runs of zeros by how often they occur.

  The last stage of Deep Compression: it changes the file, not the network.

  Reference:
    Han et al., 2016, Deep Compression, https://arxiv.org/abs/1510.00149
  """

  refuses = {'encode': 'the file is coded already'}

  def __post_init__(self):
    """Checks the settings."""
    super().__post_init__()
    if self.epochs:
      raise errors.UserError('coding a file trains nothing: leave epochs out')

  def plan(self, network, input_shape, dtype):
    """See `Step`."""
    raise step.Unplanned(
      'the size of a Huffman-coded file is known after the training only: '
      'encode the networks of the front, by `effnas compress`'
    )

  def structure(self, network, input_shape, dtype):
    """See `Step`: only the file is another."""
    del input_shape, dtype
    return network.replace(huffman=True)

  def run(self, network, context):
    """See `Step`."""
    del context
    return network.replace(huffman=True)
