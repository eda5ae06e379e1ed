"""GhostNet is the published one."""

from effnas.zoo import ghostnet


def test_a_width_scales_all_but_the_dense_layers():
  net = ghostnet.ghostnet(0.5)
  assert (net.stem, net.head, net.hidden) == (8, 480, 1280)
  assert [stage.blocks[-1].features for stage in net.stages] == [
    8,
    12,
    12,
    20,
    20,
    40,
    56,
    80,
    80,
  ]
