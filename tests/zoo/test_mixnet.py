"""MixNet is the published one."""

import jax

from effnas.zoo import mixnet


def test_blocks_without_squeeze_and_excitation_have_relu():
  blocks = [b for s in mixnet.mixnet().stages for b in s.blocks]
  assert [b.se for b in blocks] == [b.act is jax.nn.silu for b in blocks]
  assert [b.se for b in blocks].count(False) == 3
