"""EfficientFormer is the published one."""

from effnas.zoo import efficientformer


def test_the_rates_of_stochastic_depth_rise_to_the_last_block():
  net = efficientformer.efficientformer(drop_path=0.2)
  rates = [block.drop_path for stage in net.stages for block in stage.blocks]
  assert rates[0] == 0
  assert rates[-1] == 0.2
  assert rates == sorted(set(rates))


def test_the_last_blocks_attend():
  net = efficientformer.networks()['efficientformer_l3'].build()
  kinds = [
    type(block).__name__ for stage in net.stages for block in stage.blocks
  ]
  assert kinds == ['Meta4D'] * 22 + ['Meta3D'] * 4
