"""Training of one network from the first epoch to the last."""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import functools
import pathlib
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effnas import arguments, errors
from effnas.learn import augment as augment_lib
from effnas.learn import objective as objective_lib
from effnas.train import checkpoint, checks, stopping
from effnas.train import curriculum as curriculum_lib
from effnas.train import epoch as epoch_lib
from effnas.train import epochs as epochs_lib
from effnas.train import feed as feed_lib
from effnas.train import heads as heads_lib
from effnas.train import optim as optim_lib
from effnas.train import prepare as prepare_lib
from effnas.train import resolutions as resolutions_lib
from effnas.train import rows as rows_lib
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
    stopped_epoch: With `stop_after` the epoch that was the last; then the
      variables are those after the best. None without.
  """

  variables: dict[str, Any]
  history: list[dict[str, Any]]
  opt_state: Any = None
  stopped_epoch: int | None = None


def fit(
  net: Any,
  dataset: Any,
  *,
  epochs: arguments.Count,
  batch_size: arguments.Count,
  optim: Mapping[str, Any] | None = None,
  seed: arguments.Whole = 0,
  label_smoothing: arguments.Decay = 0.0,
  ema: arguments.Decay = 0.0,
  dtype: Literal['float32', 'bfloat16'] = 'float32',
  augment: Sequence[Any] = (),
  crop_padding: augment_lib.Padding = 4,
  accumulate: arguments.Count = 1,
  resolutions: Sequence[Any] | None = None,
  curriculum: Mapping[str, Any] | None = None,
  eval_every: arguments.Whole = 0,
  stop_after: arguments.Whole = 0,
  checkpoint_dir: str | pathlib.Path | None = None,
  checkpoint_every: arguments.Count = 1,
  until: arguments.Count | None = None,
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
    batch_size: Inputs that are in the network at once; the last, incomplete
      step of an epoch is left out. A split smaller than a batch is one batch.
    optim: Keyword arguments of `optim.make`.
    seed: Seed of the initial parameters, the order, the augmentation, dropout.
    label_smoothing: Share of the target spread evenly over the classes.
    ema: Decay of the moving average of the parameters; 0 is none.
    dtype: Type of the arithmetic, 'float32' or 'bfloat16'.
    augment: Names for `effnas.learn.augment.make`, or mappings with settings.
    crop_padding: Pixels that the augmentation 'crop' may shift an image by.
    accumulate: Batches in a step: their gradients are averaged.
    resolutions: Pairs (share of the training from which, side in pixels) that
      images are resized to, see `effnas.train.resolutions`; each side has a
      compiled program. None leaves them as they are.
    curriculum: Settings of `effnas.train.curriculum.Curriculum`: easy rows
      first. None is all rows.
    eval_every: Evaluate on `dataset.valid` each so many epochs and after the
      last; 0 is never.
    stop_after: End after so many epochs without a higher accuracy on
      `dataset.valid` and give the variables after the best; 0 is never.
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
  end = epochs if until is None else until
  checks.counts(
    dataset.train,
    {
      'epochs': epochs,
      'batch_size': batch_size,
      'accumulate': accumulate,
      'checkpoint_every': checkpoint_every,
      'until': end,
    },
  )
  if end > epochs:
    raise errors.UserError(f'until {until} is more than the {epochs} epochs')
  checks.hashable(net)
  checks.names(augment)
  given = {
    'seed': seed,
    'label_smoothing': label_smoothing,
    'ema': ema,
    'dtype': dtype,
    'crop_padding': crop_padding,
    'eval_every': eval_every,
  }
  arguments.values(fit, given)
  stopping.check(stop_after, eval_every)
  sides = resolutions_lib.pieces(resolutions)
  course = curriculum_lib.make(curriculum)
  batch_size = min(batch_size, len(dataset.train.x))
  accumulate = min(accumulate, len(dataset.train.x) // batch_size)
  prepared = prepare_lib.Prepare(dataset)
  split = rows_lib.with_extras(
    dataset.train, objective or objective_lib.CrossEntropy(), prepared
  )
  feed = feed_lib.Feed(split, batch_size * accumulate, device_bytes)
  if course:
    curriculum_lib.check(course, feed.sizes, len(split.x))
  steps = epochs * feed.steps
  tx = optim_lib.make(steps, **(optim or {}))
  if wrap is not None:
    tx = _wrapped(tx, wrap(tx, steps), objective)
  sam = (optim or {}).get('sam', 0.0)
  change = augment_lib.make(augment, crop_padding=crop_padding)
  plan = epoch_lib.Plan(
    net=net,
    update=tx.update,
    prepare=prepared,
    augment=change.changes,
    crop_padding=crop_padding,
    batch_size=batch_size,
    dtype=dtype,
    objective=objective,
    classes=getattr(dataset, 'classes', None) if change.mixes else None,
    accumulate=accumulate,
    sam=sam > 0,
    ranked=course is not None,
  )
  numbers = {
    'label_smoothing': jnp.float32(label_smoothing),
    'ema': jnp.float32(ema),
    **({'sam': jnp.float32(sam)} if sam else {}),
    **_told(objective, steps),
  }
  example = np.asarray(split.x[:batch_size])
  resolutions_lib.check(net, jax.eval_shape(prepared, example), sides)
  state = state_lib.create(
    net,
    tx,
    prepared,
    example,
    seed=seed,
    ema=ema > 0,
    variables=variables,
    heads=functools.partial(
      heads_lib.create,
      objective,
      net,
      jax.tree.map(lambda rows: rows[:batch_size], split.y),
      {**numbers, 'progress': jnp.float32(0)},
    ),
  )
  if stop_after:
    state = state.keep(best=state_lib.copied(state.variables()))
  if course:
    state = state.keep(order=jnp.arange(len(split.x)))
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
    'accumulate': accumulate,
    'resolutions': sides,
    'curriculum': repr(course),
    'stop_after': stop_after,
    'wrap': None if wrap is None else repr(wrap),
    'pieces': feed.sizes,
    'data': [getattr(dataset, 'name', ''), *dataset.train.x.shape],
  }
  found = None
  if checkpoint_dir or parent_dir:
    settings |= _identity(net, objective, state, drawn=variables is None)
    if checkpoint_dir:
      found = checkpoint.latest(checkpoint_dir, state, settings)
    if found and on_epoch:
      on_epoch(found.epoch, dict(found.history[-1]))
    if parent_dir and not found:
      found = _inherited(parent_dir, state, settings)
  _, state, history = found or (0, state, [])
  run = epochs_lib.Epochs(
    plan=plan,
    feed=feed,
    split=split,
    dataset=dataset,
    numbers=numbers,
    count=epochs,
    seed=seed,
    eval_every=eval_every,
    sides=sides,
    course=course,
  )

  def save(state, history):
    if checkpoint_dir:
      checkpoint.save(checkpoint_dir, len(history), state, history, settings)

  state = _through(
    run, state, history, end, stop_after, checkpoint_every, save, on_epoch
  )
  return Fitted(
    state.kept['best'] if stop_after else state.variables(),
    history,
    _of_net(state.opt_state),
    len(history) if stop_after else None,
  )


def _wrapped(
  tx: optax.GradientTransformation,
  wrapped: optax.GradientTransformation,
  objective: objective_lib.Objective | None,
) -> optax.GradientTransformation:
  """Returns the optimiser, where what wraps it is not for an objective's heads.

  Args:
    tx: The optimiser.
    wrapped: The same, wrapped.
    objective: What is minimised.
  """
  if objective is None or not objective.heads():
    return wrapped
  return heads_lib.beside(wrapped, tx)


def _of_net(opt_state: Any) -> Any:
  return opt_state.net if isinstance(opt_state, heads_lib.Beside) else opt_state


def _through(
  run: epochs_lib.Epochs,
  state: state_lib.State,
  history: list[dict[str, Any]],
  end: int,
  stop_after: int,
  save_every: int,
  save: Callable[[state_lib.State, list[dict[str, Any]]], None],
  on_epoch: Callable[[int, dict[str, Any]], None] | None,
) -> state_lib.State:
  """Trains to the end, or to where it stops; adds to the history."""
  ended = stopping.over(history, stop_after) or len(history) >= end
  while not ended:
    epoch = len(history) + 1
    state, record = run(state, epoch, epoch == end)
    history.append(record)
    if stop_after and stopping.best(history) == epoch:
      state = state.keep(best=state_lib.copied(state.variables()))
    ended = stopping.over(history, stop_after) or epoch == end
    if ended or epoch % save_every == 0:
      save(state, history)
    if on_epoch:
      on_epoch(epoch, dict(record))
  return state


def _told(
  objective: objective_lib.Objective | None, steps: int
) -> dict[str, Any]:
  """Returns what an objective wants to be traced."""
  if objective is None:
    return {}
  numbers = {k: jnp.float32(v) for k, v in objective.numbers().items()}
  constants = objective.constants()
  return {**numbers, 'constants': constants, 'steps': jnp.float32(steps)}


def _identity(
  net: Any, objective: Any, state: state_lib.State, *, drawn: bool
) -> dict[str, Any]:
  """Returns what tells a training from others, beside its settings."""
  # Drawn variables follow from the seed; given ones count by their values.
  start = state.variables()
  told = {
    'variables': checkpoint.digest(
      jax.eval_shape(lambda: start) if drawn else start
    ),
    'net': checkpoint.digest_repr(net),
  }
  if objective is not None:
    told['objective'] = checkpoint.digest_repr(objective)
  return told


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
