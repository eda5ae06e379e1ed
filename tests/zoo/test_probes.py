"""Probes: seeded, varied, and nearly all of them can be built and counted."""

import itertools

import numpy as np

from effnas.zoo import probes


def drawn(seed, n):
  return list(itertools.islice(probes.draw(np.random.default_rng(seed)), n))


def test_the_same_seed_gives_the_same_probes():
  assert drawn(3, 20) == drawn(3, 20)
  assert drawn(3, 20) != drawn(4, 20)


def test_networks_and_blocks_take_turns():
  found = drawn(0, 60)
  assert {p.name for p in found[::2]} >= {'accel_nasbench', 'hw_gpt'}
  assert len({p.name for p in found[1::2]}) > 10
  assert {p.batch for p in found} == {1, 4}
