"""ConvNeXt is the published one."""

from effnas.zoo import convnext


def test_the_rates_of_stochastic_depth_rise_to_the_last_block():
  net = convnext.convnext(drop_path=0.2)
  rates = [block.drop_path for stage in net.stages for block in stage.blocks]
  assert rates[0] == 0
  assert rates[-1] == 0.2
  assert rates == sorted(set(rates))
