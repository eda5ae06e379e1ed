"""Pruning of single weights: parts of kernels become and stay zero.

Zeros make the coded file smaller, not the arithmetic: XLA multiplies by them
as by any number.

Example:
  >>> import jax, jax.numpy as jnp, optax
  >>> from effnas.compress import pruning
  >>> params = {'kernel': jax.random.normal(jax.random.key(0), (8, 16))}
  >>> schedule = pruning.Cubic(begin=0, end=40, every=10)
  >>> tx = pruning.prune(optax.adam(1e-2), 0.75, schedule=schedule)
  >>> state = tx.init(params)
  >>> def step(carry, _):
  ...   params, state = carry
  ...   grads = jax.grad(lambda p: ((p['kernel'] - 1) ** 2).sum())(params)
  ...   updates, state = tx.update(grads, state, params)
  ...   return (optax.apply_updates(params, updates), state), None
  >>> (params, state), _ = jax.lax.scan(step, (params, state), length=50)
  >>> int((params['kernel'] == 0).sum()), pruning.sparsity(state.masks)
  (96, 0.75)
"""

from effnas.compress.pruning.criteria import estimate
from effnas.compress.pruning.gradual import prune
from effnas.compress.pruning.kernels import Kernels
from effnas.compress.pruning.lottery import rewind
from effnas.compress.pruning.masks import apply, pick, sparsity
from effnas.compress.pruning.patterns import NM, Block, Unstructured
from effnas.compress.pruning.regrowth import regrow
from effnas.compress.pruning.schedules import Cubic, Iterative, OneShot
from effnas.compress.pruning.selection import Selection, select
from effnas.compress.pruning.transform import hold

__all__ = [
  'NM',
  'Block',
  'Cubic',
  'Iterative',
  'Kernels',
  'OneShot',
  'Selection',
  'Unstructured',
  'apply',
  'estimate',
  'hold',
  'pick',
  'prune',
  'regrow',
  'rewind',
  'select',
  'sparsity',
]
