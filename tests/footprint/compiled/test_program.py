"""Lowering for a platform that is not here, without a backend."""

import subprocess
import sys

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np

from effnas.footprint.compiled import program


class Net(linen.Module):
  scale: float = 1.0

  @linen.compact
  def __call__(self, x):
    table = np.linspace(0, self.scale, 4096, dtype=np.float32)
    return linen.Dense(4)(x) * table[:4] + jnp.sum(jnp.asarray(table))


def test_equal_networks_give_equal_texts_whatever_the_line():
  one = program.lower(Net(), (3,), 'tpu')
  other = program.lower(
    Net(),
    (3,),
    'tpu',
  )
  assert one == other
  assert '.py' not in one


def test_the_text_tells_networks_apart():
  texts = [
    program.lower(Net(), (3,), 'cpu'),
    program.lower(Net(), (5,), 'cpu'),
    program.lower(Net(), (3,), 'cpu', batch=2),
    # They differ within a constant only.
    program.lower(Net(scale=2.0), (3,), 'cpu'),
    program.lower(Net(), (3,), 'cpu', float_format='bfloat16'),
  ]
  assert len(set(texts)) == len(texts)


def test_the_platform_chooses_the_arithmetic():
  class Depthwise(linen.Module):
    @linen.compact
    def __call__(self, x):
      return jax.lax.platform_dependent(
        x, tpu=jnp.sin, cuda=jnp.cos, default=jnp.tanh
      )

  found = [
    [word in program.lower(Depthwise(), (2,), platform) for word in words]
    for platform in ('tpu', 'cuda', 'cpu')
    for words in [('.sine', '.cosine', '.tanh')]
  ]
  assert found == [
    [True, False, False], [False, True, False], [False, False, True]
  ]  # fmt: skip


def test_arguments_are_the_variables_and_the_input_in_the_format():
  text = program.lower(
    linen.Embed(7, 2), (3,), 'tpu', input_dtype='int32', float_format='bfloat16'
  )
  main = next(line for line in text.splitlines() if '@main' in line)
  assert 'tensor<7x2xbf16>' in main
  assert 'tensor<1x3xi32>' in main


def test_variables_as_they_are_served():
  variables = {'params': {'kernel': np.ones((3, 2), np.float16)}}
  net = linen.Dense(2, use_bias=False)
  text = program.lower(net, (3,), 'cuda', variables=variables)
  assert 'tensor<3x2xf16>' in text


def test_lowering_starts_no_backend():
  code = (
    'from flax import linen\n'
    'from jax._src import xla_bridge\n'
    'from effnas.footprint.compiled import program\n'
    "for platform in ('tpu', 'cuda', 'cpu'):\n"
    '  program.lower(linen.Conv(4, (3, 3)), (8, 8, 3), platform)\n'
    'print(list(xla_bridge._backends))'
  )
  said = subprocess.run(
    [sys.executable, '-c', code], capture_output=True, text=True, check=True
  )
  assert said.stdout.strip() == '[]'
