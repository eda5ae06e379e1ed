"""Times a step of training: each width alone, and several as one population.

python experiments/survey_guide/speed.py [--widths=0.05,0.1] [--members=4]

Prints, for each width, seconds of an epoch of 45,000 images from a few steps of
one network, and those of a network in a population: members of the same shape
and different seeds that take their steps in one compiled call. Where the second
is no smaller, a population is not worth its memory on this device.
"""

import time

from absl import flags
import jax
import jax.numpy as jnp
import optax

from effnas.cli import experiment
from effnas.learn import objective
from effnas.zoo import survey_cnn

_WIDTHS = flags.DEFINE_list('widths', ['0.05', '0.25', '1.0'], 'Which widths.')
_MEMBERS = flags.DEFINE_integer('members', 4, 'Of a population.', 1)
_CPU_TIME = flags.DEFINE_bool(
  'cpu_time',
  False,
  "Count the processor's seconds, where others use it too; with one thread.",
)
_STEPS = flags.DEFINE_integer('steps', 8, 'Steps that are timed.', 1)
_BATCH, _IMAGES = 128, 45_000


def step_of(net, tx):
  """Returns a step (params, stats, state, x, y, key) -> the same but data."""

  def step(params, stats, state, x, y, key):
    def loss(params):
      logits, changed = net.apply(
        {'params': params, 'batch_stats': stats},
        x,
        train=True,
        mutable=['batch_stats'],
        rngs={'dropout': key},
      )
      return objective.cross_entropy(logits, y), changed['batch_stats']

    grads, stats = jax.grad(loss, has_aux=True)(params)
    updates, state = tx.update(grads, state, params)
    return optax.apply_updates(params, updates), stats, state

  return step


def seconds(width: float, members: int, steps: int) -> float:
  """Returns the seconds of an epoch of one network among so many.

  Args:
    width: Of the survey's network.
    members: Networks that take a step together; 1 is one alone.
    steps: How many are timed.
  """
  net, tx = survey_cnn.SurveyCNN(width=width), optax.adam(1e-3)
  x = jax.random.normal(jax.random.key(0), (_BATCH, 32, 32, 3))
  y = jnp.arange(_BATCH) % 10
  variables = jax.vmap(lambda key: net.init(key, x[:1]))(
    jax.random.split(jax.random.key(1), members)
  )
  params, stats = variables['params'], variables['batch_stats']
  state = jax.vmap(tx.init)(params)
  step = step_of(net, tx)
  if members == 1:
    params, stats, state = jax.tree.map(lambda v: v[0], (params, stats, state))
  else:
    step = jax.vmap(step, in_axes=(0, 0, 0, None, None, None))
  # All steps in one call, as in training; members see the same images here.
  run = jax.jit(
    lambda carry, key: jax.lax.scan(
      lambda carry, key: (step(*carry, x, y, key), None),
      carry,
      jax.random.split(key, steps),
    )[0]
  )
  carry = jax.block_until_ready(run((params, stats, state), jax.random.key(2)))
  clock = time.process_time if _CPU_TIME.value else time.monotonic
  begun = clock()
  jax.block_until_ready(run(carry, jax.random.key(3)))
  taken = clock() - begun
  return taken / steps / members * (_IMAGES // _BATCH)


def main(_):
  """Prints the table."""
  print(f'{jax.devices()[0].device_kind}, batch {_BATCH}')
  print(f'width  alone, s an epoch  one of {_MEMBERS.value}, s an epoch')
  for width in map(float, _WIDTHS.value):
    told = f'{width:5}  {seconds(width, 1, _STEPS.value):17.1f}'
    if _MEMBERS.value > 1:
      told += f'  {seconds(width, _MEMBERS.value, _STEPS.value):17.1f}'
    print(told, flush=True)


if __name__ == '__main__':
  experiment.run(main)
