"""Optimisers: a schedule, clipping and weight decay around optax's rules.

Numbers such as the learning rate live in the optimiser's state, so that two
trials that differ in them alone run the same compiled program. For the same
reason `make(...).update` is one and the same function whenever name, schedule,
clipping on or off and `nesterov` are the same.

The rules run on all parameters as one vector: a handful of kernels to compile
instead of a handful per parameter, a third of a small network's compile time.
"""

from collections.abc import Callable, Mapping
import functools
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from effnas import arguments, errors

SCHEDULES = ('constant', 'cosine', 'linear')

Numbers = Mapping[str, Any]
_OF_FLOAT32 = arguments.Range(most=3e38)
_Positive = Annotated[arguments.Positive, _OF_FLOAT32]
_NotNegative = Annotated[arguments.NotNegative, _OF_FLOAT32]


class OptimState(NamedTuple):
  """State of an optimiser: steps taken, its numbers, its chain's state."""

  taken: jax.Array
  numbers: dict[str, jax.Array]
  inner: Any


class _Rule(NamedTuple):
  """What cannot be a traced number."""

  name: str
  schedule: str
  clipped: bool
  nesterov: bool
  lookahead: bool


class Lookahead(NamedTuple):
  """State of a chain under lookahead: its own, and the slow weights."""

  inner: Any
  slow: jax.Array


def decayed(params: Any) -> Any:
  """Returns which parameters decay: those of more than one dimension.

  Biases, the scales of normalisations and other vectors do not.

  Args:
    params: A pytree of arrays.

  Returns:
    The same tree of booleans.
  """
  return jax.tree.map(lambda p: jnp.ndim(p) > 1, params)


def learning_rate(
  step: Any, *, schedule: str, lr: Any, warmup_steps: Any, steps: Any
) -> jax.Array:
  """Returns the learning rate of one step; every number may be traced.

  It climbs linearly to `lr` over the warm-up (step 0 is not wasted on a rate
  of zero), then stays or falls to zero at `steps`.

  Args:
    step: Number of steps taken before this one.
    schedule: 'constant', 'linear' or 'cosine': what follows the warm-up.
    lr: The highest rate.
    warmup_steps: Length of the warm-up in steps.
    steps: Length of the whole training in steps.

  Returns:
    A float32 scalar.

  Example:
    >>> rate = functools.partial(
    ...   learning_rate, schedule='cosine', lr=1.0, warmup_steps=2, steps=6)
    >>> [round(float(rate(i)), 3) for i in range(7)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146, 0.0]

  Reference:
    Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm
    Restarts, 2017 (without the restarts).
  """
  step = jnp.asarray(step, jnp.float32)
  warm = jnp.minimum((step + 1) / jnp.maximum(warmup_steps, 1), 1)
  left = jnp.maximum(steps - warmup_steps, 1)
  done = jnp.clip((step - warmup_steps) / left, 0, 1)
  falls: dict[str, Callable[[], Any]] = {
    'constant': lambda: 1.0,
    'linear': lambda: 1 - done,
    'cosine': lambda: 0.5 * (1 + jnp.cos(jnp.pi * done)),
  }
  return jnp.float32(lr) * warm * falls[schedule]()


def _adam(n: Numbers) -> optax.GradientTransformation:
  return optax.scale_by_adam(n['b1'], n['b2'], n['eps'])


def _decay(n: Numbers) -> optax.GradientTransformation:
  """Adds the decay, where `n['decayed']` is 1."""
  return optax.stateless(
    lambda updates, params: updates + n['weight_decay'] * n['decayed'] * params
  )


def _momentum(n: Numbers, nesterov: bool) -> optax.GradientTransformation:
  return optax.trace(n['momentum'], nesterov=nesterov)


# Decay before the rule is the L2 penalty of old, after it decoupled.
_OPTIMISERS: dict[str, Callable[..., tuple]] = {
  'adam': lambda n, _: (_decay(n), _adam(n)),
  'adamw': lambda n, _: (_adam(n), _decay(n)),
  'lion': lambda n, _: (optax.scale_by_lion(n['b1'], n['b2']), _decay(n)),
  'rmsprop': lambda n, nesterov: (
    _decay(n),
    optax.scale_by_rms(n['b2'], n['eps']),
    _momentum(n, nesterov),
  ),
  'sgd': lambda n, nesterov: (_decay(n), _momentum(n, nesterov)),
}


def _chain(rule: _Rule, n: Numbers) -> optax.GradientTransformation:
  clip = (optax.clip_by_global_norm(n['clip']),) if rule.clipped else ()
  return optax.chain(*clip, *_OPTIMISERS[rule.name](n, rule.nesterov))


@functools.partial(jax.jit, static_argnums=0)
def _init(rule: _Rule, numbers: Numbers, params: Any) -> OptimState:
  vector = _vector(params)
  inner = _chain(rule, numbers).init(vector)
  if rule.lookahead:
    inner = Lookahead(inner, vector)
  return OptimState(jnp.int32(0), dict(numbers), inner)


@functools.cache
def _update(rule: _Rule) -> Callable[..., tuple[Any, OptimState]]:
  def update(grads, state, params=None):
    n = state.numbers
    vector = _vector(params)
    kernels = sum(p.size for p in jax.tree.leaves(params) if decayed(p))
    mask = jnp.arange(vector.size) < kernels  # as `_order` puts them first
    chained = state.inner.inner if rule.lookahead else state.inner
    updates, inner = _chain(rule, {**n, 'decayed': mask}).update(
      _vector(grads), chained, vector
    )
    rate = learning_rate(
      state.taken,
      schedule=rule.schedule,
      lr=n['lr'],
      warmup_steps=n['warmup_steps'],
      steps=n['steps'],
    )
    updates = -rate * updates
    taken = state.taken + 1
    if rule.lookahead:
      updates, slow = _looked(updates, vector, state.inner.slow, taken, n)
      inner = Lookahead(inner, slow)
    return _tree(updates, grads), OptimState(taken, n, inner)

  return update


def _looked(
  updates: jax.Array, fast: jax.Array, slow: jax.Array, taken: Any, n: Numbers
) -> tuple[jax.Array, jax.Array]:
  """Returns the update of the fast weights, and the slow weights after it."""
  meets = (taken % n['lookahead'] == 0) | (taken == n['steps'])
  ahead = slow + n['lookahead_alpha'] * (fast + updates - slow)
  slow = jnp.where(meets, ahead, slow)
  return jnp.where(meets, ahead - fast, updates), slow


def _order(leaves: list) -> list[int]:
  """Leaves that decay come first, so that a position tells them apart."""
  return sorted(range(len(leaves)), key=lambda i: not decayed(leaves[i]))


def _vector(tree: Any) -> jax.Array:
  leaves = jax.tree.leaves(tree)
  flat = [jnp.ravel(leaves[i]).astype(jnp.float32) for i in _order(leaves)]
  return jnp.concatenate(flat or [jnp.zeros(0)])


def _tree(vector: jax.Array, like: Any) -> Any:
  leaves, structure = jax.tree.flatten(like)
  parts, start = {}, 0
  for i in _order(leaves):
    leaf = leaves[i]
    part = vector[start : start + leaf.size]
    parts[i] = part.reshape(leaf.shape).astype(leaf.dtype)
    start += leaf.size
  return jax.tree.unflatten(structure, [parts[i] for i in range(len(leaves))])


def make(
  steps: int,
  *,
  name: str = 'adamw',
  lr: _Positive = 1e-3,
  warmup: arguments.Share = 0.1,
  schedule: str = 'cosine',
  weight_decay: _NotNegative = 0.0,
  clip: _NotNegative = 0.0,
  momentum: arguments.Decay = 0.9,
  nesterov: bool = False,
  b1: arguments.Decay = 0.9,
  b2: arguments.Decay = 0.999,
  eps: _NotNegative = 1e-8,
  sam: _NotNegative = 0.0,
  lookahead: arguments.Whole = 0,
  lookahead_alpha: arguments.Share = 0.5,
) -> optax.GradientTransformation:
  """Makes an optimiser; a config's section 'optim' is the keyword arguments.

  Args:
    steps: Length of the training in steps.
    name: 'adamw', 'adam', 'sgd', 'rmsprop' or 'lion'.
    lr: The highest learning rate.
    warmup: Length of the linear warm-up as a fraction of the steps.
    schedule: 'cosine' or 'linear' (to zero), or 'constant', after the warm-up.
    weight_decay: Added to the gradient (adam, sgd, rmsprop) or to the update
      (adamw, lion) as this times the weight, for kernels only (`decayed`).
    clip: Largest global norm of the gradients; 0 is no limit.
    momentum: Of sgd and rmsprop.
    nesterov: Whether that momentum looks ahead.
    b1: Decay of the first moment (adam, adamw, lion).
    b2: Decay of the second moment (and of rmsprop's mean square).
    eps: Added to the root of the second moment (for rmsprop under the root).
    sam: Radius of sharpness-aware minimisation, 0 for none; checked here and
      taken by the training step (`effnas.train.sam`).
    lookahead: Steps after which the weights go back to the slow ones, which
      then have moved `lookahead_alpha` of the way to them; they meet at the
      last step too. 0 is none.
    lookahead_alpha: From 0 to 1.

  Returns:
    An optax gradient transformation.

  Raises:
    UserError: For an unknown name or schedule, or what is no number or out of
      range.

  Example:
    >>> tx = make(10, name='sgd', lr=0.5, warmup=0, schedule='constant')
    >>> params = {'w': jnp.ones(2)}
    >>> updates, _ = tx.update({'w': jnp.ones(2)}, tx.init(params), params)
    >>> updates['w'].tolist()
    [-0.5, -0.5]

  Reference:
    Zhang et al., Lookahead Optimizer: k steps forward, 1 step back, 2019,
    https://arxiv.org/abs/1907.08610
  """
  if name not in list(_OPTIMISERS):  # it may be unhashable
    raise errors.unknown('optimiser', name, _OPTIMISERS)
  if schedule not in SCHEDULES:
    raise errors.unknown('schedule', schedule, SCHEDULES)
  numbers = {
    'lr': lr,
    'warmup': warmup,
    'weight_decay': weight_decay,
    'clip': clip,
    'momentum': momentum,
    'b1': b1,
    'b2': b2,
    'eps': eps,
  }
  ahead = {'lookahead': lookahead, 'lookahead_alpha': lookahead_alpha}
  flags = {'sam': sam, 'nesterov': nesterov}
  arguments.values(make, {**numbers, **ahead, **flags}, 'optim.')
  rule = _Rule(name, schedule, clip > 0, nesterov, lookahead > 0)
  numbers |= {'warmup_steps': round(numbers.pop('warmup') * steps)}
  numbers |= {'steps': steps}
  numbers |= ahead if lookahead else {}

  def init(params):
    arrays = {k: jnp.float32(v) for k, v in numbers.items()}
    return _init(rule, arrays, params)

  return optax.GradientTransformation(init, _update(rule))


def renumbered(state: Any, numbers: Any) -> Any:
  """Returns an optimiser's state under other numbers, such as learning rates.

  Args:
    state: A state of `make(...)`, also within those of other transformations.
    numbers: One of the same form that has the numbers.

  Example:
    >>> params = {'w': jnp.ones(2)}
    >>> one, other = (make(10, lr=lr).init(params) for lr in (0.1, 0.2))
    >>> renumbered(one, other).numbers['lr'].item() == other.numbers['lr']
    Array(True, dtype=bool)
  """
  return jax.tree.map(
    lambda old, new: (
      old._replace(numbers=new.numbers) if isinstance(old, OptimState) else old
    ),
    state,
    numbers,
    is_leaf=lambda node: isinstance(node, OptimState),
  )
