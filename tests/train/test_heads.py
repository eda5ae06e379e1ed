"""Heads beside a network whose optimiser is wrapped."""

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import optax

from effnas import train
from effnas.learn import objective
from effnas.train import forward, heads


class Probed(objective.Objective):
  """Trains a linear layer of its own on the logits."""

  def __eq__(self, other):
    return type(self) is type(other)

  def __hash__(self):
    return hash(type(self))

  def heads(self):
    return {'probe': linen.Dense(2)}

  def __call__(self, bound, batch, key, numbers):
    logits = bound(batch.inputs).logits
    told = bound.head('probe', jax.lax.stop_gradient(logits))
    return objective.Outcome(objective.cross_entropy(told, batch.labels), told)


def test_what_holds_the_network_lets_the_heads_move():
  params = {'w': jnp.ones(2), forward.HEADS: {'probe': jnp.ones(3)}}
  tx = heads.beside(optax.set_to_zero(), optax.sgd(0.5))
  updates, _ = tx.update(params, tx.init(params), params)
  assert not updates['w'].any()
  assert (updates[forward.HEADS]['probe'] == -0.5).all()
  plain = {'w': jnp.ones(2)}
  updates, _ = tx.update(plain, tx.init(plain), plain)
  assert set(updates) == {'w'}


def test_a_wrapped_optimiser_sees_the_network_alone(make_data, make_net):
  seen = []

  def wrap(tx, steps):
    del steps

    def init(params):
      seen.append(set(params))
      return tx.init(params)

    def update(grads, state, params=None):
      return jax.tree.map(jnp.zeros_like, grads), state

    return optax.GradientTransformation(init, update)

  fitted = train.fit(
    make_net(),
    make_data(),
    epochs=4,
    batch_size=16,
    objective=Probed(),
    optim={'lr': 0.1},
    wrap=wrap,
  )
  assert all(forward.HEADS not in names for names in seen)
  assert forward.HEADS not in fitted.variables['params']
  losses = [record['train_loss'] for record in fitted.history]
  assert losses[-1] < 0.9 * losses[0]  # the head trains, the network rests
  assert np.isfinite(fitted.opt_state.numbers['lr'])
