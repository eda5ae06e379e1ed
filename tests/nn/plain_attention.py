"""Attention by its definition, in NumPy, and inputs for it."""

import jax.numpy as jnp
import numpy as np


def draw(
  length=7, heads=4, groups=None, channels=4, values=None, batch=2, seed=0
):
  """Returns q [B, T, H, D], k [B, T, G, D], v [B, T, G, E]."""
  groups = groups or heads
  shapes = (heads, channels), (groups, channels), (groups, values or channels)
  rng = np.random.default_rng(seed)
  return tuple(
    jnp.asarray(rng.standard_normal((batch, length, *shape)), jnp.float32)
    for shape in shapes
  )


def scores(q, k):
  """Returns [B, H, T, S], of keys repeated to the heads of the queries."""
  k = np.repeat(np.float64(k), q.shape[2] // k.shape[2], axis=2)
  return np.einsum('bthd,bshd->bhts', np.float64(q), k) / q.shape[-1] ** 0.5


def weighted(weights, v):
  """Averages values by weights [B, H, T, S] that need not sum to 1."""
  v = np.repeat(np.float64(v), weights.shape[1] // v.shape[2], axis=2)
  weights = weights / weights.sum(-1, keepdims=True)
  return np.einsum('bhts,bshe->bthe', weights, v)


def softmax(q, k, v, seen=True, bias=0):
  """Softmax attention where `seen`, [T, S], says what a query may see."""
  exponent = np.where(seen, scores(q, k) + bias, -np.inf)
  return weighted(np.exp(exponent - exponent.max(-1, keepdims=True)), v)
