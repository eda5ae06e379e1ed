"""The table's sizes are those of timm and torchvision, counted by PyTorch.

Runs where they are installed (`pip install timm`), each network in a second.
"""

import pytest
import timm_weights

from effnas import zoo

TABLE = {row['name']: row for row in zoo.table()}
MORE = {
  'mixnet_s': 'mixnet_s',
  'mixnet_m': 'mixnet_m',
  'ghostnet': 'ghostnet_100',
  'efficientformer_l1': 'efficientformer_l1',
  'efficientformer_l3': 'efficientformer_l3',
}
TORCHVISION = {
  'mobilenet_v2': 'mobilenet_v2',
  'mobilenet_v3_large': 'mobilenet_v3_large',
  'mobilenet_v3_small': 'mobilenet_v3_small',
  'efficientnet_b0': 'efficientnet_b0',
  'convnext_tiny': 'convnext_tiny',
  'resnet_50': 'resnet50',
  'shufflenet_v2_050': 'shufflenet_v2_x0_5',
  'shufflenet_v2': 'shufflenet_v2_x1_0',
  'shufflenet_v2_150': 'shufflenet_v2_x1_5',
  'shufflenet_v2_200': 'shufflenet_v2_x2_0',
}


def _timm(theirs):
  timm = pytest.importorskip('timm', reason='timm is not installed')
  return theirs(timm) if callable(theirs) else timm.create_model(theirs)


def _torchvision(theirs):
  models = pytest.importorskip(
    'torchvision.models', reason='torchvision is not installed'
  )
  return getattr(models, theirs)()


@pytest.mark.parametrize(
  ('name', 'theirs', 'make'),
  [
    *((n, pair[0], _timm) for n, pair in timm_weights.PAIRS.items()),
    *((n, theirs, _timm) for n, theirs in MORE.items()),
    *((n, theirs, _torchvision) for n, theirs in TORCHVISION.items()),
  ],
)
def test_sizes_are_those_of_pytorch(name, theirs, make):
  torch = pytest.importorskip('torch', reason='torch is not installed')
  from torch.utils import flop_counter

  row = TABLE[name]
  with torch.device('meta'):
    net = make(theirs).eval()
    height, width, channels = row['input']
    counting = flop_counter.FlopCounterMode(display=False)
    with torch.no_grad(), counting:
      net(torch.zeros(1, channels, height, width))
  parameters = sum(p.numel() for p in net.parameters())
  # A multiplication and an addition are two of its operations.
  macs = counting.get_total_flops() // 2
  assert (row['params'], row['macs']) == (parameters, macs)
