"""Training of one network from the first epoch to the last."""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import functools
import math
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effnas import errors
from effnas.learn import objective as objective_lib
from effnas.train import checkpoint, evaluation, step
from effnas.train import epoch as epoch_lib
from effnas.train import feed as feed_lib
from effnas.train import heads as heads_lib
from effnas.train import optim as optim_lib
from effnas.train import prepare as prepare_lib
from effnas.train import state as state_lib


@dataclasses.dataclass(frozen=True)
class Fitted:
  """A trained network.

  Attributes:
    variables: The network's variables after the last epoch; with `ema` the
      averaged parameters.
    history: One dict per epoch: 'epoch' (from 1), 'train_loss',
      'train_accuracy' (both during training), and where it was evaluated the
      metrics of the validation split.
    opt_state: State of the optimiser, that of `wrap` where it was given.
  """

  variables: dict[str, Any]
  history: list[dict[str, Any]]
  opt_state: Any = None


def fit(
  net: Any,
  dataset: Any,
  *,
  epochs: int,
  batch_size: int,
  optim: Mapping[str, Any] | None = None,
  seed: int = 0,
  label_smoothing: float = 0.0,
  ema: float = 0.0,
  dtype: str = 'float32',
  augment: Sequence[str] = (),
  crop_padding: int = 4,
  eval_every: int = 0,
  checkpoint_dir: str | pathlib.Path | None = None,
  checkpoint_every: int = 1,
  until: int | None = None,
  parent_dir: str | pathlib.Path | None = None,
  on_epoch: Callable[[int, dict[str, Any]], None] | None = None,
  variables: Mapping[str, Any] | None = None,
  objective: objective_lib.Objective | None = None,
  wrap: Callable[..., optax.GradientTransformation] | None = None,
  device_bytes: int = 8 * 2**30,
) -> Fitted:
  """Trains a network on `dataset.train`.

  The split lies on the device and an epoch is one compiled call, which trials
  share whose network and batch size are equal, whatever their learning rate.
  A fit that was killed and is called again resumes from its last checkpoint
  and ends, on the same machine, with the same bits.

  Args:
    net: A Linen module whose `__call__` takes `train`, or `rewrite.Rewritten`.
    dataset: Has `train` and `valid` (each with arrays x and y, or streams as
      `effnas.data.stream.Stream`) and `prepare`.
    epochs: Number of passes over the training split.
    batch_size: Inputs per step; the last, incomplete batch of an epoch is left
      out. A split smaller than a batch is one batch.
    optim: Keyword arguments of `optim.make`.
    seed: Seed of the initial parameters, the order, the augmentation, dropout.
    label_smoothing: Share of the target spread evenly over the classes.
    ema: Decay of the moving average of the parameters; 0 is none.
    dtype: Type of the arithmetic, 'float32' or 'bfloat16'.
    augment: Names for `effnas.learn.augment.make`; for images only.
    crop_padding: Pixels that the augmentation 'crop' may shift an image by.
    eval_every: Evaluate on `dataset.valid` each so many epochs and after the
      last; 0 is never.
    checkpoint_dir: Where checkpoints are written and resumed from.
    checkpoint_every: Epochs between checkpoints; the last epoch has one.
    until: Stop after this epoch of a training that is planned for `epochs`, as
      the learning rate is; a later call goes on. None is all of it.
    parent_dir: Checkpoints of another training of this network, to go on with
      under the settings of this one where `checkpoint_dir` has none yet.
    on_epoch: Called with the epoch (from 1) and its metrics, after its
      checkpoint. It sees each epoch at least once: a resumed fit repeats the
      one it resumes from. What it raises ends the training.
    variables: Variables to start from instead of drawn ones.
    objective: What to minimise instead of the cross-entropy, see
      `effnas.learn.objective`.
    wrap: (optimiser, steps of the training) -> optimiser, for instance to prune
      (`effnas.compress.pruning`). Its repr tells a checkpoint of one from that
      of another.
    device_bytes: A larger training split goes to the device piece by piece,
      shuffled on the host; a stream always does, in pieces of a third of it
      at most.

  Returns:
    The variables and the history.

  Raises:
    Diverged: If the loss is not finite in an epoch.
    UserError: For settings out of range, checkpoints of other settings, or a
      parent without any.

  Example:
    >>> from flax import linen
    >>> import types
    >>> class Line(linen.Module):
    ...   @linen.compact
    ...   def __call__(self, x, train=False):
    ...     return linen.Dense(2)(x)
    >>> x = np.linspace(-1, 1, 32, dtype=np.float32)[:, None]
    >>> split = types.SimpleNamespace(x=x, y=(x[:, 0] > 0).astype(np.int32))
    >>> data = types.SimpleNamespace(
    ...   train=split, valid=split, kind='vector', prepare=lambda x: x)
    >>> fitted = fit(Line(), data, epochs=20, batch_size=8, eval_every=20,
    ...              optim={'lr': 0.1})
    >>> fitted.history[-1]['accuracy']
    1.0
  """
  _check(
    dataset.train,
    {
      'epochs': epochs,
      'batch_size': batch_size,
      'checkpoint_every': checkpoint_every,
      'until': epochs if until is None else until,
    },
  )
  end = epochs if until is None else until
  if end > epochs:
    raise errors.UserError(f'until {until} is more than the {epochs} epochs')
  _check_hash(net)
  _check_shares({'label_smoothing': label_smoothing, 'ema': ema})
  if isinstance(augment, str):
    raise errors.UserError(
      f'augment must be a list of names, as [{augment!r}]; got {augment!r}'
    )
  batch_size = min(batch_size, len(dataset.train.x))
  feed = feed_lib.Feed(dataset.train, batch_size, device_bytes)
  tx = optim_lib.make(epochs * feed.steps, **(optim or {}))
  if wrap is not None:
    tx = wrap(tx, epochs * feed.steps)
  plan = epoch_lib.Plan(
    net=net,
    update=tx.update,
    prepare=prepare_lib.Prepare(dataset),
    augment=tuple(augment),
    crop_padding=crop_padding,
    batch_size=batch_size,
    dtype=dtype,
    objective=objective,
  )
  numbers = {
    'label_smoothing': jnp.float32(label_smoothing),
    'ema': jnp.float32(ema),
    **_told(objective),
  }
  state = state_lib.create(
    net,
    tx,
    plan.prepare,
    np.asarray(dataset.train.x[:batch_size]),
    seed=seed,
    ema=ema > 0,
    variables=variables,
    heads=functools.partial(
      heads_lib.create,
      objective,
      net,
      jax.tree.map(lambda rows: rows[:batch_size], dataset.train.y),
      numbers,
    ),
  )
  done = 0
  history: list[dict[str, Any]] = []
  settings = {
    'epochs': epochs,
    'batch_size': batch_size,
    'optim': dict(optim or {}),
    'seed': seed,
    'label_smoothing': label_smoothing,
    'ema': ema,
    'dtype': dtype,
    'augment': list(augment),
    'crop_padding': crop_padding,
    'wrap': None if wrap is None else repr(wrap),
    'pieces': feed.sizes,
    'data': [getattr(dataset, 'name', ''), *dataset.train.x.shape],
  }
  if checkpoint_dir or parent_dir:
    # Drawn variables follow from the seed; given ones count by their values.
    start = state.variables()
    shapes = jax.eval_shape(lambda: start)
    settings['variables'] = checkpoint.digest(
      shapes if variables is None else start
    )
    settings['net'] = checkpoint.digest_repr(net)
    if objective is not None:
      settings['objective'] = checkpoint.digest_repr(objective)
    restored = checkpoint_dir and checkpoint.latest(
      checkpoint_dir, state, settings
    )
    if restored:
      done, state, history = restored
      if on_epoch:
        on_epoch(done, dict(history[-1]))
    elif parent_dir:
      done, state, history = _inherited(parent_dir, state, settings)
  for epoch in range(done + 1, end + 1):
    state, record = _epoch(
      plan, feed, state, seed=seed, epoch=epoch, numbers=numbers
    )
    last = epoch == end
    if eval_every and (last or epoch % eval_every == 0):
      record |= evaluation.evaluate(
        net, state.variables(), dataset.valid, dataset
      )
    history.append(record)
    if checkpoint_dir and (last or epoch % checkpoint_every == 0):
      checkpoint.save(checkpoint_dir, epoch, state, history, settings)
    if on_epoch:
      on_epoch(epoch, dict(record))
  return Fitted(state.variables(), history, state.opt_state)


def _told(objective: objective_lib.Objective | None) -> dict[str, Any]:
  """Returns what an objective wants to be traced."""
  if objective is None:
    return {}
  numbers = {k: jnp.float32(v) for k, v in objective.numbers().items()}
  return {**numbers, 'constants': objective.constants()}


def _inherited(
  folder: str | pathlib.Path,
  state: state_lib.State,
  settings: Mapping[str, Any],
) -> checkpoint.Restored:
  """Returns what another training left, under the numbers of this one."""
  try:
    found = checkpoint.latest(folder, state, settings, compared=('net',))
  except ValueError as e:
    raise errors.UserError(
      f'the training in {folder} cannot be gone on with under another '
      'optimiser, or where clipping, averaging or pruning is on in one of them '
      'only'
    ) from e
  if found is None:
    raise errors.UserError(
      f'there is nothing to go on with: no checkpoint in {folder}'
    )
  opt_state = optim_lib.renumbered(found.state.opt_state, state.opt_state)
  return found._replace(state=found.state.replace(opt_state=opt_state))


def _epoch(
  plan: epoch_lib.Plan,
  feed: feed_lib.Feed,
  state: state_lib.State,
  *,
  seed: int,
  epoch: int,
  numbers: Mapping[str, Any],
) -> tuple[state_lib.State, dict[str, Any]]:
  run = epoch_lib.compiled(plan)
  key = jax.random.fold_in(jax.random.key(seed), epoch)
  totals = {'loss': 0.0, 'accuracy': 0.0}
  for i, (x, y) in enumerate(feed(seed, epoch)):
    state, metrics = run(state, x, y, jax.random.fold_in(key, i), numbers)
    share = len(x) // plan.batch_size / feed.steps
    for name, value in jax.device_get(metrics).items():
      totals[name] += share * float(value)
  if not math.isfinite(totals['loss']):
    raise step.Diverged(f'loss is {totals["loss"]} in epoch {epoch}')
  return state, {'epoch': epoch} | {f'train_{k}': v for k, v in totals.items()}


def _check(split: Any, counts: Mapping[str, int]) -> None:
  if not len(split.x):
    raise errors.UserError('there is nothing to train on: the split is empty')
  for name, value in counts.items():
    if value < 1:
      raise errors.UserError(f'{name} must be 1 or more; got {value!r}')


def _check_shares(shares: Mapping[str, float]) -> None:
  for name, share in shares.items():
    if not 0 <= share < 1:
      raise errors.UserError(
        f'{name} must be at least 0 and less than 1; got {share!r}'
      )


def _check_hash(net: Any) -> None:
  try:
    hash(net)
  except TypeError:
    raise errors.UserError(
      f'the fields of the network {type(net).__name__} must hash, as compiled '
      'programs are kept by them: use tuples instead of lists, dicts, arrays'
    ) from None
