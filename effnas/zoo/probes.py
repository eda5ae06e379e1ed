"""Networks and blocks to time on a device that nothing is known of yet."""

from collections.abc import Iterator
from typing import NamedTuple

from flax import linen
import numpy as np

from effnas.nn import blocks
from effnas.zoo import (
  accel_nasbench,
  autoformer,
  hw_gpt,
  nasbench201,
  network,
  survey_cnn,
)

_SIDES = (96, 128, 160, 224)
_BATCHES = (1, 1, 1, 4)


class Probe(NamedTuple):
  """Something to time.

  Attributes:
    name: What it is, for a reader.
    net: The network.
    input: Shape and dtype of an example.
    batch: Examples at a time.
  """

  name: str
  net: linen.Module
  input: network.Input
  batch: int


def draw(rng: np.random.Generator) -> Iterator[Probe]:
  """Draws networks of several families and single blocks, without an end.

  Half are networks of the zoo's spaces (convolutional, cells, transformers
  over images and over tokens), half are published blocks of `effnas.nn.blocks`
  at random widths and resolutions.

  Args:
    rng: The source of chance.

  Yields:
    Probes; a block may refuse its widths or its map when it is built.

  Example:
    >>> probes = draw(np.random.default_rng(0))
    >>> len({next(probes).name for _ in range(40)}) > 8
    True
  """
  spaces = {
    'accel_nasbench': accel_nasbench.space(),
    'autoformer': autoformer.space(),
    'hw_gpt': hw_gpt.space(classes=8192),
    'nasbench201': nasbench201.space(),
    'survey_cnn': survey_cnn.space(),
  }
  takes = {
    'autoformer': autoformer.INPUT,
    'hw_gpt': network.Input((128,), 'int32'),
    'nasbench201': nasbench201.INPUT,
    'survey_cnn': survey_cnn.INPUT,
  }
  variants = blocks.variants()
  while True:
    batch = int(rng.choice(_BATCHES))
    name = str(rng.choice(list(spaces)))
    net = spaces[name].build(spaces[name].sample(rng))['model']
    side = int(rng.choice(_SIDES))
    found = takes.get(name, network.Input((side, side, 3)))
    yield Probe(name, net, found, batch)
    name = str(rng.choice(list(variants)))
    side = int(rng.choice((7, 14, 28, 56)))
    width = int(rng.choice((32, 64, 96, 192, 320)))
    shape = (side, side, width)
    yield Probe(name, variants[name], network.Input(shape), batch)
