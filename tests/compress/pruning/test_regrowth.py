"""Sparse training, and tickets: masks that are not only pruned from."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effnas.compress.pruning import (
  lottery,
  masks,
  regrowth,
  selection,
  transform,
)


def test_rigl_keeps_the_count_and_grows_the_largest_gradients(problem):
  params, _ = problem()
  key = jax.random.key(5)
  grads = jax.tree.map(lambda p: jax.random.normal(key, p.shape), params)
  tx = regrowth.regrow(
    optax.sgd(0.0), 0.75, every=1, end=10, fraction=0.5, budget='uniform'
  )
  state = tx.init(params)
  sparse = masks.apply(params, state.masks)
  # Not masked yet: the first step does it, also for weights that grow in it.
  updates, new = tx.update(grads, state, params)
  changed = float(regrowth.fraction(1, 10, 0.5))
  for path, before in state.masks.items():
    after, weight = new.masks[path], jnp.abs(masks.flatten(sparse)[path])
    living = before.size // 4
    assert before.sum() == after.sum() == living
    k = round(changed * living)
    kept = (
      jnp.zeros(before.size, bool)
      .at[jnp.argsort(-jnp.where(before, weight, -1).ravel())[: living - k]]
      .set(True)
      .reshape(before.shape)
    )
    assert (after & kept).sum() == living - k
    grown = after & ~kept
    wanted = jnp.abs(masks.flatten(grads)[path])
    assert grown.sum() == k
    assert wanted[grown].min() > wanted[~after].max()
    # New weights start from zero.
    moved = masks.flatten(optax.apply_updates(params, updates))[path]
    assert not moved[~before].any()
    assert (moved[after & before] != 0).all()


@pytest.mark.parametrize('kind', regrowth.GROWN_BY)
def test_regrowth_is_sparse_throughout_and_stops_at_its_end(
  problem, train, kind
):
  params, gradient = problem()
  tx = regrowth.regrow(optax.adam(0.05), 0.9, every=2, end=9, kind=kind)
  start = tx.init(params).masks
  _, (_, found) = train(tx, params, gradient)
  for path, mask in found.items():
    assert (mask.sum((1, 2)) == start[path].sum()).all()
    changes = (mask[1:] != mask[:-1]).any((1, 2))
    times = [i + 2 for i in range(15) if changes[i]]
    assert times
    assert set(times) <= {2, 4, 6, 8}


def test_a_ticket_is_rewound_and_drawn_in_rounds(problem, train):
  params, gradient = problem()
  seen = []

  def fit(params, found):
    seen.append(masks.sparsity(found))
    assert all(
      not masks.flatten(params)[path][~mask].any()
      for path, mask in found.items()
    )
    tx = transform.hold(optax.adam(0.05), found)
    return train(tx, params, gradient)[0][0]

  found = lottery.draw(fit, params, 0.75, rounds=2)
  np.testing.assert_allclose(seen, [0, 0.5], atol=1 / 64)
  assert masks.sparsity(found) == 0.75
  ticket = lottery.rewind(params, found)
  for path, mask in found.items():
    leaf, first = masks.flatten(ticket)[path], masks.flatten(params)[path]
    assert (leaf == jnp.where(mask, first, 0)).all()
  # It is not simply the smallest initial weights that went.
  plain = selection.select(params, 0.75)
  assert any((found[path] != plain[path]).any() for path in found)
