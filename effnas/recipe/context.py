"""What the steps of a recipe are given: data, and how to train on it."""

from collections.abc import Callable, Mapping
import dataclasses
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effnas import train
from effnas.compress import pruning
from effnas.compress.clustering import tied
from effnas.learn import objective
from effnas.nn import fused, rewrite
from effnas.recipe import network as network_lib
from effnas.train import loop

_Report = Callable[[str, int, Mapping[str, Any]], None]


@dataclasses.dataclass(frozen=True)
class Context:
  """What fine-tuning and calibration need.

  Attributes:
    dataset: As `effnas.train.fit` takes it.
    train: Keyword arguments of `effnas.train.fit`; a step has its own epochs.
    optim: Keyword arguments of `effnas.train.optim.make`; a step may have a
      learning rate of its own.
    report: Called with the name of a step, an epoch (from 1) and its metrics.
    folder: Receives checkpoints while a step trains, in a folder of its name.
    checkpoint_every: Epochs between these; 0 keeps none.
  """

  dataset: Any
  train: Mapping[str, Any]
  optim: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  report: _Report | None = None
  folder: pathlib.Path | None = None
  checkpoint_every: int = 0

  @property
  def inputs(self) -> tuple[tuple[int, ...], Any]:
    """Shape of a prepared example, without the batch, and its dtype."""
    return tuple(self.dataset.input_shape), input_dtype(self.dataset)

  def batches(self, examples: int) -> list[jax.Array]:
    """Returns the first examples of the training split, prepared.

    Args:
      examples: How many, at most.
    """
    size = min(self.train.get('batch_size', 128), max(1, examples))
    x = np.asarray(self.dataset.train.x[:examples])
    return [
      self.dataset.prepare(x[i : i + size]) for i in range(0, len(x), size)
    ]

  def gradients(
    self, network: network_lib.Network, examples: int
  ) -> tuple[Callable[[Any, Any], Any], Any]:
    """Returns what criteria that look at gradients take.

    Args:
      network: The network.
      examples: Of the training split, at most; whole batches.

    Returns:
      (params, batch) -> gradients of the mean cross-entropy at inference, and
      the batches along the first axis of (x, y).
    """
    split = self.dataset.train
    size = min(self.train.get('batch_size', 128), len(split.x), examples)
    count = min(examples, len(split.x)) // size * size
    rest = {k: v for k, v in network.variables.items() if k != 'params'}

    def loss(params, batch):
      x, y = batch
      logits: Any = network.net.apply({'params': params, **rest}, x)
      return objective.cross_entropy(logits, y)

    def cut(array):
      array = jnp.asarray(array[:count])
      return array.reshape(-1, size, *array.shape[1:])

    x = jnp.concatenate(self.batches(count))
    return jax.grad(loss), (cut(x), cut(np.asarray(split.y[:count])))

  def fit(
    self,
    name: str,
    network: network_lib.Network,
    *,
    epochs: int,
    lr: float | None = None,
    wrap: Callable[..., Any] | None = None,
    restart: bool = False,
    **changes: Any,
  ) -> loop.Fitted:
    """Trains a network; what is pruned or clustered stays so.

    Args:
      name: Of the step.
      network: Where to start.
      epochs: Passes over the training split.
      lr: Highest learning rate; None is that of `optim`.
      wrap: As for `effnas.train.fit`; innermost.
      restart: Whether to start from drawn variables instead.
      **changes: Other keyword arguments of `effnas.train.fit`.

    Returns:
      The trained variables, and the optimiser's state; pruned weights are
      zero in an average of the parameters, too.
    """
    arguments = {**self.train, 'epochs': epochs, **changes}
    if self.folder is not None and self.checkpoint_every:
      arguments |= {
        'checkpoint_dir': self.folder / name,
        'checkpoint_every': self.checkpoint_every,
      }
    if self.report is not None:
      report = self.report
      arguments['on_epoch'] = lambda epoch, found: report(name, epoch, found)
    # Here, as it asks for devices.
    rules = (*network.net.rules, *fused.rules())
    return train.fit(
      rewrite.Rewritten(network.net.model, rules),
      self.dataset,
      optim={**self.optim, **({} if lr is None else {'lr': lr})},
      variables=None if restart else network.variables,
      wrap=wrap or kept(network),
      **arguments,
    )


@dataclasses.dataclass(frozen=True)
class _Kept:
  """Keeps masks and clusters in training; as `train.fit` takes a `wrap`."""

  network: network_lib.Network = dataclasses.field(repr=False)

  def __call__(self, optimizer: Any, steps: int) -> Any:
    del steps
    network = self.network
    if network.tied:
      return tied.tie(
        optimizer,
        {path: one.indices for path, one in network.tied.items()},
        {path: one.clusters for path, one in network.tied.items()},
        {path: one.book for path, one in network.tied.items()},
        network.masks,
      )
    return pruning.hold(optimizer, network.masks)


def kept(network: network_lib.Network) -> Callable[..., Any] | None:
  """Returns what keeps a network's masks and clusters while it trains.

  Args:
    network: The network.

  Returns:
    A `wrap` for `effnas.train.fit`; None where there is nothing to keep.
  """
  return _Kept(network) if network.masks or network.tied else None


def input_dtype(dataset: Any) -> Any:
  """Returns the dtype of a data set's prepared inputs."""
  return np.int32 if dataset.kind == 'tokens' else np.float32
