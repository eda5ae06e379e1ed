"""Timing by a clock that is made up, and of real programs."""

import dataclasses
import itertools
import json
import time

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.footprint import measured
from effnas.footprint.measured import clock, energy


def test_a_network_runs_at_its_batch_and_format():
  seen = []

  class Net(linen.Module):
    @linen.compact
    def __call__(self, x):
      kernel = self.param('kernel', linen.initializers.ones, (x.shape[-1], 4))
      mean = self.variable('batch_stats', 'mean', jnp.zeros, (4,)).value
      seen.append((x.shape, x.dtype, kernel.dtype, mean.dtype))
      return x @ kernel + mean

  found = measured.time_network(
    Net(), (8,), batch=3, float_format='bfloat16', seconds=0.01
  )
  shape, *dtypes = seen[-1]
  assert shape == (3, 8)
  assert dtypes == [jnp.bfloat16, jnp.bfloat16, jnp.float32]
  assert (found.batch, found.float_format) == (3, 'bfloat16')
  assert found.device == jax.devices()[0].device_kind
  assert json.loads(json.dumps(dataclasses.asdict(found)))['median_ms'] > 0


def test_compiled_once_with_nothing_folded():
  lowered = []

  def f(w, x):
    lowered.append(jax.tree.leaves((w, x)))
    return w['kernel'] @ x

  w = {'kernel': np.ones((4, 4), np.float32)}
  found = clock.time_callable(f, w, np.ones(4, np.float32), seconds=0.02)
  assert found.repetitions >= 10
  assert len(lowered) == 1
  assert all(isinstance(a, jax.core.Tracer) for a in lowered[0])


def test_longer_work_takes_longer():
  def work(n):
    x = np.ones((64, 64), np.float32)
    chain = jax.jit(
      lambda x: jax.lax.fori_loop(0, n, lambda i, x: jnp.tanh(x @ x), x)
    )
    return clock.time_callable(chain, x, seconds=0.1).median_ms

  few, many = work(20), work(800)
  assert many > 5 * few


def _ticks(monkeypatch, durations):
  """Lets each call take the next of the durations, in seconds."""
  now = [0.0]
  durations = iter(durations)

  def call():
    now[0] += next(durations)
    return ()

  monkeypatch.setattr(time, 'perf_counter', lambda: now[0])
  return call


def test_steady_calls_end_at_half_the_time(monkeypatch):
  call = _ticks(monkeypatch, itertools.repeat(0.01))
  times, settled = clock._repeat(call, 2.0, 10)
  assert settled
  assert 1.0 <= sum(times) <= 1.3


def test_unsteady_calls_end_with_the_time(monkeypatch):
  call = _ticks(monkeypatch, itertools.cycle([0.01, 0.03]))
  times, settled = clock._repeat(call, 2.0, 10)
  assert not settled
  assert 2.0 <= sum(times) <= 2.04


def test_slow_calls_are_repeated_all_the_same(monkeypatch):
  call = _ticks(monkeypatch, itertools.repeat(5.0))
  times, _ = clock._repeat(call, 2.0, 4)
  assert times == [5.0] * 4


def test_a_median_settles_when_its_interval_is_narrow():
  rng = np.random.default_rng(0)
  assert clock._settled(1 + 0.01 * rng.standard_normal(1000))
  assert not clock._settled(1 + 0.3 * rng.standard_normal(1000))
  assert not clock._settled([1.0, 1.0])  # too few to say


class Device:
  """The first device, which tells of its memory."""

  def __init__(self, stats):
    self.stats = iter(stats)
    self.real = jax.devices()[0]

  def __getattr__(self, name):
    return getattr(self.real, name)

  def memory_stats(self):
    use, peak = next(self.stats)
    return {'bytes_in_use': use, 'peak_bytes_in_use': peak}


@pytest.mark.parametrize(
  ('stats', 'peak'),
  [
    # Before the arguments, before the runs, after them.
    ([(100, 900), (160, 900), (160, 950)], 850),
    ([(100, 900), (160, 900), (160, 900)], None),  # another program's peak
  ],
)
def test_peak_memory_is_this_programs_or_none(monkeypatch, stats, peak):
  monkeypatch.setattr(jax, 'device_put', lambda tree, device: tree)
  found = clock.time_callable(
    jnp.sin, jnp.ones(3), seconds=0.01, device=Device(stats)
  )
  assert found.peak_memory_bytes == peak


def test_energy_is_that_of_one_call(monkeypatch):
  readings = iter([[10.0], [40.0]])
  counter = energy.Counter('made up', lambda: next(readings), (None,))
  monkeypatch.setattr(energy, 'SHORTEST_SECONDS', 0.0)
  monkeypatch.setattr(energy, 'counter', lambda *_: counter)
  found = clock.time_callable(jnp.sin, jnp.ones(3), seconds=0.01)
  assert found.energy_joules == pytest.approx(30 / found.repetitions)
  assert found.energy_counter == 'made up'


def test_tokens_are_of_the_vocabulary():
  class Words(linen.Module):
    @linen.compact
    def __call__(self, tokens):
      table = linen.Embed(5, 8, name='words')(tokens)
      jax.debug.callback(lambda t: seen.update(np.ravel(t).tolist()), tokens)
      return table.sum()

  seen = set()
  measured.time_network(Words(), (500,), input_dtype='int32', seconds=0.01)
  jax.effects_barrier()
  assert seen == set(range(5))


def test_random_variables_keep_activations_in_range():
  class Deep(linen.Module):
    @linen.compact
    def __call__(self, x):
      for _ in range(30):
        x = linen.relu(
          linen.BatchNorm(use_running_average=True)(linen.Dense(64)(x))
        )
      return x

  rng = np.random.default_rng(0)
  x = rng.standard_normal((4, 64), np.float32)
  key = jax.eval_shape(lambda: jax.random.key(0))
  variables = clock._random(jax.eval_shape(Deep().init, key, x), rng)
  y = jax.jit(Deep().apply)(variables, x)
  assert 0.1 < float(jnp.abs(y).max()) < 100


@pytest.mark.parametrize('batch', [0, -1, 1.5, True])
def test_an_impossible_batch_is_refused(batch):
  with pytest.raises(errors.UserError, match=f'batch {batch}'):
    measured.time_network(linen.Dense(2), (3,), batch=batch)


def test_a_batch_beyond_the_memory_is_one_line(monkeypatch):
  def fail(*_, **__):
    raise jax.errors.JaxRuntimeError('RESOURCE_EXHAUSTED: 90 GB')

  monkeypatch.setattr(clock, 'time_callable', fail)
  with pytest.raises(errors.UserError, match='batch of 64 does not fit'):
    measured.time_network(linen.Dense(2), (3,), batch=64)


def test_bad_requests():
  with pytest.raises(errors.UserError, match="'bfloat16'"):
    measured.time_network(linen.Dense(2), (3,), float_format='bfloat')
  with pytest.raises(errors.UserError, match='0 repetitions'):
    measured.time_callable(jnp.sin, jnp.ones(2), repetitions=0)
