"""Published counts (Sandler et al. 2018; timm, torchvision for parameters)."""

import time

import pytest

from effnas import footprint

mobilenet_v2 = pytest.importorskip('effnas.zoo.mobilenet_v2')


def test_mobilenet_v2():
  net = mobilenet_v2.mobilenet_v2()
  start = time.perf_counter()
  values = footprint.measure(net, (224, 224, 3), targets=['tpu_v5e'])
  assert time.perf_counter() - start < 10  # about 1 s on an idle core
  assert values['params'] == 3_504_872
  assert values['macs'] == 300_774_272
  assert footprint.unknown(net, (224, 224, 3)) == []
  best = 1.0
  for _ in range(5):
    start = time.perf_counter()
    footprint.measure(net, (224, 224, 3), targets=['tpu_v5e'])
    best = min(best, time.perf_counter() - start)
  assert best < 0.01
