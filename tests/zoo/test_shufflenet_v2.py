"""ShuffleNetV2 is the published one."""

from effnas import footprint
from effnas.zoo import shufflenet_v2


def test_without_pooling_the_stages_see_what_the_stem_gives():
  small = shufflenet_v2.miniature()
  published = footprint.measure(small.build(), (32, 32, 3))
  kept = footprint.measure(small.build(pool=False, stem_stride=1), (8, 8, 3))
  assert kept['params'] == published['params']
  # The same but for the stem's own convolution, 3x3 from 3 to 8 channels.
  stem = 27 * 8 * (16 * 16 - 8 * 8)
  assert published['macs'] - kept['macs'] == stem
