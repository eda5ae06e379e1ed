"""Hints, attention, relations and contrast."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.learn.distillation import attention, contrastive, hints, relational


def _array(seed, *shape):
  rng = np.random.default_rng(seed)
  return jnp.asarray(rng.normal(size=shape), jnp.float32)


def test_maps_are_averaged_over_adaptive_windows():
  x = np.asarray(_array(0, 2, 7, 4, 3))
  small, same = hints.matched(jnp.asarray(x), jnp.zeros((2, 3, 6, 5)))
  assert small.shape == (2, 3, 4, 3)
  assert same.shape == (2, 3, 4, 5)
  # 7 rows into 3: rows 0 to 2, 2 to 4, 4 to 6.
  expected = np.stack([x[:, i : i + 3].mean(1) for i in (0, 2, 4)], axis=1)
  np.testing.assert_allclose(small, expected, rtol=1e-4, atol=1e-6)
  even, _ = hints.matched(jnp.asarray(x), jnp.zeros((2, 7, 2, 1)))
  expected = x.reshape(2, 7, 2, 2, 3).mean(3)
  np.testing.assert_allclose(even, expected, rtol=1e-4, atol=1e-6)


def test_hint_is_the_mean_square():
  one, other = _array(0, 4, 3, 3, 2), _array(1, 4, 3, 3, 2)
  expected = np.mean((np.asarray(one) - np.asarray(other)) ** 2)
  np.testing.assert_allclose(hints.hint(one, other), expected, rtol=1e-5)


def test_a_map_and_tokens_cannot_be_compared():
  with pytest.raises(errors.UserError, match='pair two maps'):
    hints.matched(_array(0, 2, 4, 4, 3), _array(1, 2, 9, 3))


def test_attention_transfer_knows_no_scale_and_no_channels():
  student, teacher = _array(0, 4, 5, 5, 3), _array(1, 4, 5, 5, 8)
  loss = attention.attention_transfer(student, teacher)
  assert loss > 1e-3
  np.testing.assert_allclose(
    attention.attention_transfer(-7 * student, 0.2 * teacher), loss, rtol=1e-4
  )
  mixed = 3 * student[..., jnp.array([2, 0, 1])]
  assert abs(attention.attention_transfer(student, mixed)) < 1e-12
  q = [(np.asarray(x) ** 2).sum(-1).reshape(4, -1) for x in (student, teacher)]
  q = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in q]
  np.testing.assert_allclose(loss, np.mean((q[0] - q[1]) ** 2), rtol=1e-4)
  dead = jax.grad(attention.attention_transfer)(0 * student, teacher)
  assert jnp.isfinite(dead).all()


_LOSSES = (relational.distance_loss, relational.angle_loss)


@pytest.mark.parametrize('loss', _LOSSES)
def test_relations_know_no_place_and_no_scale(loss):
  student, teacher = _array(0, 6, 4), _array(1, 6, 3)
  told = loss(student, teacher)
  assert told > 1e-3
  turn, _ = np.linalg.qr(np.asarray(_array(2, 4, 4)))
  moved = 5 * student @ turn + 2
  np.testing.assert_allclose(loss(moved, teacher), told, rtol=1e-3)
  assert abs(loss(moved, student)) < 1e-9
  # Rows that coincide have no direction, and no gradient that is not finite.
  same = student.at[1].set(student[0])
  assert jnp.isfinite(jax.grad(loss)(same, teacher)).all()
  assert jnp.isfinite(jax.grad(loss)(0 * student, teacher)).all()


def test_relations_by_loops():
  student, teacher = (np.asarray(_array(i, 4, 3), np.float64) for i in (0, 1))

  def huber(x):
    return 0.5 * x**2 if abs(x) <= 1 else abs(x) - 0.5

  pairs = list(itertools.permutations(range(4), 2))

  def lengths(x):
    found = {(i, j): np.linalg.norm(x[i] - x[j]) for i, j in pairs}
    mean = np.mean(list(found.values()))
    return {pair: length / mean for pair, length in found.items()}

  one, other = lengths(student), lengths(teacher)
  expected = np.mean([huber(one[pair] - other[pair]) for pair in pairs])
  np.testing.assert_allclose(
    relational.distance_loss(jnp.float32(student), jnp.float32(teacher)),
    expected,
    rtol=1e-4,
  )

  def cosine(x, i, j, k):
    a, b = x[i] - x[j], x[k] - x[j]
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

  expected = np.mean(
    [
      huber(cosine(student, *triple) - cosine(teacher, *triple))
      for triple in itertools.permutations(range(4), 3)
    ]
  )
  np.testing.assert_allclose(
    relational.angle_loss(jnp.float32(student), jnp.float32(teacher)),
    expected,
    rtol=1e-4,
  )


def test_contrast_by_loops_with_and_without_classes():
  student, teacher = (np.asarray(_array(i, 5, 3), np.float64) for i in (0, 1))
  labels = np.array([0, 1, 0, -1, -1])
  unit = [
    x / np.linalg.norm(x, axis=1, keepdims=True) for x in (student, teacher)
  ]
  c = np.exp(unit[0] @ unit[1].T / 0.5)
  for known in (None, labels):
    total = 0.0
    for i in range(5):
      js = [
        j
        for j in range(5)
        if j == i or known is None or known[i] < 0 or known[i] != known[j]
      ]
      total -= np.log(c[i, i] / c[i, js].sum()) / 2
      total -= np.log(c[i, i] / c[js, i].sum()) / 2
    told = contrastive.contrastive(
      jnp.float32(student),
      jnp.float32(teacher),
      0.5,
      labels=None if known is None else jnp.asarray(known),
    )
    np.testing.assert_allclose(told, total / 5, rtol=1e-5)


def test_contrast_falls_as_pairs_align():
  student, teacher = _array(0, 8, 4), _array(1, 8, 4)
  told = [
    float(contrastive.contrastive((1 - t) * student + t * teacher, teacher))
    for t in (0.0, 0.3, 0.6, 1.0)
  ]
  assert told == sorted(told, reverse=True)
  same = jnp.ones((8, 4))
  np.testing.assert_allclose(
    contrastive.contrastive(same, same), np.log(8), rtol=1e-5
  )
  labels = jnp.zeros(8, jnp.int32)
  grad = jax.grad(lambda s: contrastive.contrastive(s, teacher, labels=labels))(
    0 * student
  )
  assert jnp.isfinite(grad).all()


@pytest.mark.parametrize(
  ('loss', 'least'),
  [(*_LOSSES[:1], 2), (*_LOSSES[1:], 3), (contrastive.contrastive, 2)],
)
def test_small_batches_are_told(loss, least):
  rows = jnp.ones((least - 1, 2))
  with pytest.raises(errors.UserError, match='make batch_size larger'):
    loss(rows, rows)
