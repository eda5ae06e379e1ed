import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.learn import objective as objective_lib
from effnas.learn import self_supervision
from effnas.learn.self_supervision.pretexts import masked_tokens

VOCABULARY = 12
MASK = 5


def _tokens(rows=400, length=40):
  drawn = np.random.default_rng(0).integers(0, VOCABULARY - 1, (rows, length))
  return jnp.asarray(drawn + (drawn >= MASK), jnp.int32)  # Without the mask.


class Forward:
  """Gives the logits that it was made with, and notes what it saw."""

  def __init__(self, logits):
    self.logits = logits
    self.seen = None

  def __call__(self, inputs, taps=()):
    self.seen = inputs
    return objective_lib.Output(self.logits, {'layer': self.logits})

  def head(self, name, x):
    assert name == 'tokens'
    return x


def _loss(logits, tokens, key=0, **args):
  made = self_supervision.make(
    'masked_tokens', {'vocabulary': VOCABULARY, 'mask': MASK, **args}
  )

  @jax.jit
  def call(logits, tokens, key):
    forward = Forward(logits)
    batch = objective_lib.batch(tokens, jnp.zeros(len(tokens), int))
    return made(forward, batch, key, {'label_smoothing': 0.0}), forward.seen

  return call(logits, tokens, jax.random.key(key))


def test_a_sixth_is_asked_and_80_10_10_of_it_becomes_what():
  tokens = _tokens()
  logits = jnp.zeros((*tokens.shape, VOCABULARY))
  outcome, seen = _loss(logits, tokens)
  asked = round(0.15 * 40)
  assert outcome.labels.shape == (400, asked)
  # Of 2400 places; deviations are 0.008, 0.006 and 0.006.
  masked = np.sum(seen == MASK) / outcome.labels.size
  changed = np.sum((seen != MASK) & (seen != tokens)) / outcome.labels.size
  assert masked == pytest.approx(0.8, abs=0.03)
  # One of the eleven others is the right one.
  assert changed == pytest.approx(0.1 * 10 / 11, abs=0.025)
  # And no more than those asked, in any row.
  assert ((seen != tokens).sum(axis=1) <= asked).all()


def test_places_are_drawn_evenly_and_never_twice():
  where = masked_tokens.places(jax.random.key(0), (2000, 20), 0.15)
  assert where.shape == (2000, 3)
  assert (jnp.diff(where, axis=1) > 0).all()
  # 300 each; the deviation is 16.
  counts = np.bincount(where.ravel(), minlength=20)
  assert counts.min() > 230
  assert counts.max() < 370
  assert masked_tokens.places(jax.random.key(0), (1, 3), 0.15).shape == (1, 1)


def test_tokens_in_place_of_others_are_all_but_the_mask():
  tokens = _tokens(500, 10)
  where = jnp.broadcast_to(jnp.arange(10), tokens.shape)
  seen = masked_tokens.hide(
    jax.random.key(0),
    tokens,
    where,
    vocabulary=VOCABULARY,
    mask=MASK,
    hidden=0.0,
    replaced=1.0,
  )
  counts = np.bincount(seen.ravel(), minlength=VOCABULARY)
  assert counts[MASK] == 0
  others = np.delete(counts, MASK)
  # 454.5 each; the deviation is 20.
  assert np.abs(others - 5000 / 11).max() < 90


def test_places_that_are_not_asked_give_no_loss():
  tokens = _tokens(8, 20)
  shape = (*tokens.shape, VOCABULARY)
  logits = jax.random.normal(jax.random.key(3), shape)
  grads = jax.grad(lambda logits: _loss(logits, tokens)[0].loss)(logits)
  felt = jnp.abs(grads).max(axis=-1) > 0
  assert felt.sum(axis=1).tolist() == [3] * 8
  # Those that were hidden are among them, though not all are hidden.
  seen = _loss(logits, tokens)[1]
  assert bool((felt | (seen == tokens)).all())
  assert int((seen != tokens).sum()) > 0
  for key in range(3):
    where = masked_tokens.places(
      jax.random.split(jax.random.key(key))[0], tokens.shape, 0.15
    )
    right = 50 * jax.nn.one_hot(tokens, VOCABULARY)
    rows = jnp.arange(8)[:, None]
    # Wrong everywhere but at the places that are asked, it is right.
    wrong = jnp.roll(right, 1, axis=-1).at[rows, where].set(right[rows, where])
    assert _loss(wrong, tokens, key)[0].loss < 1e-6
    assert _loss(jnp.roll(right, 1, axis=-1), tokens, key)[0].loss > 40


def test_labels_are_what_stood_there():
  tokens = _tokens(6, 20)
  logits = 50 * jax.nn.one_hot(tokens, VOCABULARY)
  outcome, _ = _loss(logits, tokens, hidden=1.0, replaced=0.0)
  assert objective_lib.accuracy(outcome.logits, outcome.labels) == 1
  through = _loss(logits, tokens, hidden=1.0, replaced=0.0, at='layer')[0]
  np.testing.assert_array_equal(through.loss, outcome.loss)


@pytest.mark.parametrize(
  ('args', 'message'),
  [
    ({}, 'takes vocabulary, which has no default'),
    ({'vocabulary': 1}, 'vocabulary is a whole number from 2'),
    ({'vocabulary': 8, 'mask': 8}, 'from 0 to 7; got 8'),
    ({'vocabulary': 8, 'share': 0}, 'share must be'),
    ({'vocabulary': 8, 'hidden': 0.95}, 'add up to 1 at most'),
    ({'vocabulary': 8, 'masc': 1}, "did you mean 'mask'"),
  ],
)
def test_impossible_settings_are_said(args, message):
  with pytest.raises(errors.UserError, match=message) as caught:
    self_supervision.make('masked_tokens', args)
  assert '\n' not in str(caught.value)


def test_a_network_that_does_not_suit_is_said():
  tokens = _tokens(2, 10)
  with pytest.raises(errors.UserError, match='tells 7 tokens'):
    _loss(jnp.zeros((2, 10, 7)), tokens)
  with pytest.raises(errors.UserError, match='before the pooling'):
    _loss(jnp.zeros((2, VOCABULARY)), tokens)
  with pytest.raises(errors.UserError, match="did you mean 'layer'"):
    _loss(jnp.zeros((2, 10, VOCABULARY)), tokens, at='layers')
  with pytest.raises(errors.UserError, match=r'takes tokens \(N, T\)'):
    _loss(jnp.zeros((2, 10, VOCABULARY)), tokens.astype(float))
