"""Networks measured a second: single, batched, and by a plain trace each.

python benchmarks/footprint_rate.py

For each of three spaces: 'plain' traces each network whole and remembers
nothing; 'first' is `footprint.measure` for networks of an empty memory, most of
whose blocks are new; 'seen' the same for other networks out of blocks that were
seen, 'built' with their building from the arch; 'batched' is `footprint.batch`
for yet others, from their archs. Targets are an A100 and a TPU v3; all give the
size of the weights file too. Takes a minute or two.
"""

import time

import jax
import numpy as np

from effnas import footprint, space, zoo
from effnas.footprint import piece, profile
from effnas.footprint.latency import target as target_lib

_SPACES = ('accel_nasbench', 'mobilenet_v3', 'hw_gpt')
_TARGETS = ('a100', 'tpu_v3')
_NETWORKS, _PLAIN = 1000, 10


def _rate(work, some):
  """Does something with each of some; returns how many a second."""
  start = time.perf_counter()
  for one in some:
    work(one)
  return len(some) / (time.perf_counter() - start)


def _rates(name):
  """Returns the rates of one space, by what is done."""
  found, takes = space.load(zoo.spaces()[name]), zoo.takes(name)
  rng = np.random.default_rng(0)

  def build(arch):
    return found.build(arch)['model']

  def plain(net):
    given = piece.Array((1, *takes.shape), takes.dtype)
    whole = profile.Profile(piece.trace(net, given))
    assert whole.size_bytes
    for target in target_lib.choose(_TARGETS):
      target.latency(whole)

  def single(net):
    footprint.measure(
      net, takes.shape, targets=_TARGETS, input_dtype=takes.dtype, batch=1
    )

  def batched(archs):
    footprint.batch(
      found,
      archs,
      takes.shape,
      targets=_TARGETS,
      input_dtype=takes.dtype,
      batch=1,
    )

  def draw(count):
    return [found.sample(rng) for _ in range(count)]

  first = list(map(build, draw(_PLAIN)))
  rates = {'plain': _rate(plain, first), 'first': _rate(single, first)}
  batched(draw(_NETWORKS))  # sees the blocks
  rates['seen'] = _rate(single, list(map(build, draw(_NETWORKS))))
  rates['built'] = _rate(lambda arch: single(build(arch)), draw(_NETWORKS))
  rates['batched'] = _NETWORKS * _rate(batched, [draw(_NETWORKS)])
  return rates


def main():
  """Prints a row per space: networks a second."""
  print(f'jax {jax.__version__}; networks a second, and batched / plain')
  columns = ('plain', 'first', 'seen', 'built', 'batched')
  print(f'{"space":16}' + ''.join(f'{c:>9}' for c in columns) + f'{"ratio":>8}')
  for name in _SPACES:
    rates = _rates(name)
    print(
      f'{name:16}'
      + ''.join(f'{rates[c]:9.{1 if rates[c] < 20 else 0}f}' for c in columns)
      + f'{rates["batched"] / rates["plain"]:8.0f}'
    )


if __name__ == '__main__':
  main()
