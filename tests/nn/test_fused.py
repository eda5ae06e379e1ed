"""A process adds fused kernels where its device has them."""

import types

import jax
import pytest

from effnas import footprint
from effnas.nn import fused, multi_head, rewrite


@pytest.mark.parametrize(
  ('platform', 'capability', 'expected'),
  [
    ('cpu', None, ()),
    ('tpu', None, ()),
    ('gpu', '7.5', ()),
    ('gpu', '8.0', (fused.FusedAttention(),)),
    ('gpu', '10.0', (fused.FusedAttention(),)),
    ('gpu', 'gfx942', ()),
  ],
)
def test_the_device_decides(platform, capability, expected):
  device = types.SimpleNamespace(platform=platform)
  if capability:
    device.compute_capability = capability
  assert fused.rules(device) == expected


def test_the_first_device_is_asked(monkeypatch):
  device = types.SimpleNamespace(platform='gpu', compute_capability='9.0')
  monkeypatch.setattr(jax, 'devices', lambda: [device])
  assert fused.rules() == (fused.FusedAttention(),)


def test_the_rule_asks_attention_alone_and_the_plain_network_does_not(
  monkeypatch,
):
  asked = []

  def attention(q, k, v, *_, implementation, **__):
    asked.append(implementation)
    return q

  monkeypatch.setattr(jax.nn, 'dot_product_attention', attention)
  net = multi_head.MultiHeadAttention(head_dim=8)
  x = jax.ShapeDtypeStruct((1, 8, 32), 'bfloat16')
  half = jax.tree.map(
    lambda p: jax.ShapeDtypeStruct(p.shape, 'bfloat16'),
    rewrite.abstract_variables(net, (8, 32)),
  )
  for rules in ((), (fused.FusedAttention(),)):
    jax.eval_shape(rewrite.Rewritten(net, rules).apply, half, x)
  assert asked[-2:] == ['xla', 'cudnn']


def test_what_the_kernel_cannot_take_is_computed_as_before():
  net = multi_head.MultiHeadAttention(head_dim=8)
  x = jax.random.normal(jax.random.key(0), (1, 8, 32))
  variables = net.init(jax.random.key(1), x)
  ruled = rewrite.Rewritten(net, (fused.FusedAttention(),))
  assert (ruled.apply(variables, x) == net.apply(variables, x)).all()
  assert footprint.unknown(ruled, (8, 32)) == []
