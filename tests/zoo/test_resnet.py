"""ResNet: published sizes, for small images too."""

import jax
import jax.numpy as jnp
import numpy as np

from effnas import footprint
from effnas.zoo import resnet


def test_for_small_images_the_stem_keeps_the_map():
  net = resnet.resnet(
    (1, 1), widths=(8, 16), classes=10, stem_kernel=3, stem_stride=1, pool=False
  )
  # Stem, a basic block of 8 channels, one from 8 to 16 with a stride, logits.
  macs = 32**2 * (27 * 8 + 2 * 9 * 8 * 8)
  macs += 16**2 * (9 * 8 * 16 + 9 * 16 * 16 + 8 * 16) + 16 * 10
  assert footprint.measure(net, (32, 32, 3))['macs'] == macs


def test_the_stem_pools_by_the_greatest_within_the_map():
  net = resnet.ResNet((), stem=1, stem_kernel=1, stem_stride=1, classes=1)
  net = net.copy(act=lambda x: x)
  # All below zero, so that padding with zeros would show.
  x = -1 - jnp.arange(16.0).reshape(1, 4, 4, 1)
  ones = jax.tree.map(jnp.ones_like, net.init(jax.random.key(0), x))
  ones['params']['classifier']['bias'] *= 0
  ones['params']['stem']['normalise']['batch']['bias'] *= 0
  ones['batch_stats']['stem']['normalise']['batch']['mean'] *= 0
  # The greatest of each window of 3x3 is at its upper left.
  expected = -(1 + 2 + 5 + 6) / 4
  np.testing.assert_allclose(net.apply(ones, x), [[expected]], rtol=1e-4)
