"""Blocks of networks: maps in, maps out, a file per block.

A block is a Linen module on feature maps,

    block(x, train=False): [N, H, W, C] -> [N, H_, W_, F]

with a default for each field, among them

    features: F; 0 keeps C.
    stride: H_ = ceil(H / stride), W_ = ceil(W / stride); 1 keeps the map.

so that `effnas.nn.staged.Stage` can repeat it and a search space can hold it
beside any other. A block's file has a function `variants()`, the forms in
which it was published. Add a block by adding a file: tests find it here and
hold it to the docstring, whose section Cost is run as Python and has to give
the MACs that are counted in the block. `separable.py` is the smallest example.
"""

from flax import linen

from effnas.nn import variants as variants_lib


def variants() -> dict[str, linen.Module]:
  """Returns every block of this folder in its published forms.

  Example:
    >>> variants()['mobilenet_v3']
    MBConv(...)
  """
  return variants_lib.found(__name__, __path__)
