import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.learn import objective as objective_lib
from effnas.learn import self_supervision
from effnas.learn.self_supervision.pretexts import next_token
from effnas.nn.attention import softmax
from effnas.train import forward as forward_lib
from effnas.zoo import decoder, hw_gpt

NUMBERS = {'label_smoothing': 0.0}


def _tokens(rows=3, length=16):
  drawn = np.random.default_rng(0).integers(0, 10, (rows, length))
  return jnp.asarray(drawn, jnp.int32)


@functools.cache
def _network(family):
  net = family.miniature().build()
  if hasattr(net, 'dropout'):
    net = net.copy(blocks=tuple(b.copy(dropout=0.0) for b in net.blocks))
    net = net.copy(dropout=0.0)
  params = jax.jit(net.init)(jax.random.key(0), _tokens())['params']
  return (
    net,
    params,
    jax.jit(lambda tokens: net.apply({'params': params}, tokens)),
  )


def _outcome(net, params, tokens, labels=None, **args):
  made = self_supervision.make('next_token', args)
  labels = jnp.zeros(len(tokens), int) if labels is None else labels

  @jax.jit
  def call(params, tokens, labels):
    forward = forward_lib.Forward(net, params, {}, jax.random.key(0))
    batch = objective_lib.batch(tokens, labels)
    return made(forward, batch, jax.random.key(0), NUMBERS)

  return call(params, tokens, labels)


@pytest.mark.parametrize('family', [decoder, hw_gpt])
@pytest.mark.parametrize('changed', [5, 15])
def test_a_later_token_changes_nothing_before_it(family, changed):
  _, _, apply = _network(family)
  tokens = _tokens()
  other = tokens.at[:, changed].set((tokens[:, changed] + 1) % 10)
  one, two = apply(tokens), apply(other)
  np.testing.assert_allclose(one[:, :changed], two[:, :changed], atol=1e-6)
  assert jnp.abs(one[:, changed] - two[:, changed]).max() > 1e-4
  # Token t is the label at t - 1, so losses before that stay.
  losses = [
    next_token.losses(logits, t) for logits, t in ((one, tokens), (two, other))
  ]
  np.testing.assert_allclose(
    losses[0][:, : changed - 1], losses[1][:, : changed - 1], atol=1e-6
  )
  felt = jnp.abs(losses[0] - losses[1])[:, changed - 1 :]
  assert (felt.max(axis=0) > 1e-5).all()


def test_a_network_that_sees_both_sides_is_found_out():
  # The check above is one: without the causal mask it fails.
  net, params, _ = _network(decoder)
  both = tuple(
    b.copy(attention=b.attention.copy(mixer=softmax.Softmax()))
    for b in net.blocks
  )
  net = net.copy(blocks=both)
  tokens = _tokens()
  other = tokens.at[:, 5].set((tokens[:, 5] + 1) % 10)
  apply = jax.jit(lambda tokens: net.apply({'params': params}, tokens))
  one, two = apply(tokens), apply(other)
  assert jnp.abs(one[:, :5] - two[:, :5]).max() > 1e-4


def test_the_loss_is_of_the_token_after():
  tokens = jnp.arange(6)[None] % 10
  after = 50 * jax.nn.one_hot(tokens + 1, 10)
  assert next_token.losses(after, tokens).max() < 1e-6
  same = 50 * jax.nn.one_hot(tokens, 10)
  assert next_token.losses(same, tokens).min() > 40
  assert next_token.losses(after, tokens).shape == (1, 5)


def test_the_loss_is_the_mean_and_that_of_labels_that_are_next_tokens():
  net, params, apply = _network(decoder)
  tokens = _tokens()
  outcome = _outcome(net, params, tokens)
  logits = apply(tokens)
  each = next_token.losses(logits, tokens)
  np.testing.assert_allclose(outcome.loss, each.mean(), rtol=1e-5)
  # As the data layer's windows are trained on, but for each row's last token.
  labels = jnp.roll(tokens, -1, axis=1)
  told = objective_lib.cross_entropy(logits[:, :-1], labels[:, :-1])
  np.testing.assert_allclose(outcome.loss, told, rtol=1e-5)
  # Labels of another task are not looked at.
  other = _outcome(net, params, tokens, jnp.ones(3, int))
  np.testing.assert_array_equal(outcome.loss, other.loss)


def test_perplexity_and_bits_of_evenly_guessed_bytes():
  logits, tokens = jnp.zeros((2, 8, 256)), jnp.zeros((2, 8), int)
  nats = float(next_token.losses(logits, tokens).mean())
  assert next_token.perplexity(nats) == pytest.approx(256, rel=1e-5)
  assert next_token.bits_per_character(nats) == pytest.approx(8, rel=1e-6)


def test_settings_and_networks_that_do_not_suit_are_said():
  with pytest.raises(errors.UserError, match=r'vocabulary is .* from 2'):
    self_supervision.make('next_token', {'at': 'layer_0'})
  net, params, _ = _network(decoder)
  with pytest.raises(errors.UserError, match=r"did you mean .*'layer_1'"):
    _outcome(net, params, _tokens(), at='layer_2', vocabulary=10)
  with pytest.raises(errors.UserError, match=r'\(3, 1\)'):
    _outcome(net, params, _tokens()[:, :1])
