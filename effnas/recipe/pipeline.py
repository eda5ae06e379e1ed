"""Steps one after the other, with what each costs and gives."""

from collections.abc import Callable, Sequence
import contextlib
import dataclasses
import time
from typing import Any

from effnas import train
from effnas.footprint import weights
from effnas.recipe import artefact, deployed, steps
from effnas.recipe import context as context_lib
from effnas.recipe import network as network_lib
from effnas.recipe import step as step_lib

START = 'start'


@dataclasses.dataclass(frozen=True)
class Row:
  """A network as it would be deployed after a step.

  Attributes:
    step: Name of the step; 'start' is before the first.
    settings: Of the step, those that are not its defaults.
    quality: Of the validation split, by metric.
    footprint: By metric; 'size_bytes' is that of the file, to the byte.
    sources: By metric, where a latency comes from.
    seconds: What the step took.
  """

  step: str
  settings: dict[str, Any]
  quality: dict[str, float]
  footprint: dict[str, Any]
  sources: dict[str, str]
  seconds: float


@dataclasses.dataclass(frozen=True)
class Pipeline:
  """Steps in an order that makes sense.

  Attributes:
    steps: First step first.
  """

  steps: tuple[step_lib.Step, ...] = ()

  def plan(
    self, network: network_lib.Network, input_shape: Sequence[int], dtype: Any
  ) -> network_lib.Network:
    """Returns what comes of a plan, from shapes alone.

    Args:
      network: Its variables are `jax.ShapeDtypeStruct`.
      input_shape: Of one example, without the batch.
      dtype: Of the inputs.

    Raises:
      UserError: See `effnas.recipe.step.Step.plan`.
    """
    for step in self.steps:
      network = step.plan(network, input_shape, dtype)
    return network

  def structure(
    self, network: network_lib.Network, input_shape: Sequence[int], dtype: Any
  ) -> network_lib.Network:
    """Returns what `plan` does, where the size of the file may stay open.

    Args:
      network: Its variables are `jax.ShapeDtypeStruct`.
      input_shape: Of one example, without the batch.
      dtype: Of the inputs.

    Raises:
      Unplanned: Trained values decide which variables there are; it names the
        step.
      UserError: See `effnas.recipe.step.Step.structure`.
    """
    for step in self.steps:
      try:
        network = step.structure(network, input_shape, dtype)
      except step_lib.Unplanned as e:
        raise step_lib.Unplanned(
          f"trained values decided the shapes that the step '{step.name}' left"
        ) from e
    return network

  def check(
    self, network: network_lib.Network, input_shape: Sequence[int], dtype: Any
  ) -> None:
    """Finds settings that do not fit, as far as shapes tell.

    Args:
      network: A plan.
      input_shape: Of one example, without the batch.
      dtype: Of the inputs.

    Raises:
      UserError: There is one.
    """
    for step in self.steps:
      with contextlib.suppress(step_lib.Unplanned):
        network = step.plan(network, input_shape, dtype)

  def apply(
    self, network: network_lib.Network, context: context_lib.Context
  ) -> network_lib.Network:
    """Runs the steps and measures nothing; see `run`."""
    for step in self.steps:
      network = step.run(network, context)
    return network

  def run(
    self,
    network: network_lib.Network,
    context: context_lib.Context,
    *,
    targets: Sequence[str] = (),
    batch: int | None = None,
    on_row: Callable[[Row, network_lib.Network], None] | None = None,
  ) -> tuple[network_lib.Network, list[Row]]:
    """Runs the steps, and measures the network after each.

    Args:
      network: Where to start.
      context: Data, and how to train.
      targets: Devices to give latencies for.
      batch: Examples at a time, as for `effnas.footprint.measure`.
      on_row: Called with each row and the network it is of, converted.

    Returns:
      The network after the last step, and the rows, 'start' first.

    Raises:
      UserError: The settings of a step do not fit the network.
      Diverged: A loss or logits that are not finite.
    """
    rows: list[Row] = []

    def told(name, settings, start):
      served = artefact.converted(network, *context.inputs)
      found = measured(served, context, targets, batch)
      seconds = round(time.monotonic() - start, 3)
      rows.append(Row(name, settings, *found, seconds))
      if on_row is not None:
        on_row(rows[-1], served)

    told(START, {}, time.monotonic())
    for step in self.steps:
      start = time.monotonic()
      network = step.run(network, context)
      told(step.name, _settings(step), start)
    return network, rows


# What changes nothing.
NOTHING = Pipeline()


def pipeline(these: Sequence[step_lib.Step]) -> Pipeline:
  """Makes a pipeline of steps.

  Args:
    these: First step first.

  Raises:
    UserError: One makes no sense where it stands.

  Example:
    >>> prune, cluster = (steps.find(name) for name in ('prune', 'cluster'))
    >>> pipeline([cluster(), prune(sparsity=0.5)])
    Traceback (most recent call last):
    effnas.errors.UserError: prune makes no sense after cluster: centroids are
      means of weights that live; prune before
  """
  steps.check(these)
  return Pipeline(tuple(these))


def measured(
  network: network_lib.Network,
  context: context_lib.Context,
  targets: Sequence[str] = (),
  batch: int | None = None,
) -> tuple[dict[str, float], dict[str, Any], dict[str, str]]:
  """Measures a network that is deployed.

  Args:
    network: The network, converted.
    context: Its data.
    targets: Devices to give latencies for.
    batch: Examples at a time.

  Returns:
    Quality on the validation split, the footprint, and where its latencies come
    from, each by metric.
  """
  shape, dtype = context.inputs
  net, variables, dataset = network.net, network.variables, context.dataset
  quality = train.evaluate(net, variables, dataset.valid, dataset)
  about: dict[str, Any] = {
    'targets': tuple(targets),
    'batch': batch,
    'input_dtype': dtype,
  }
  footprint = deployed.measure(net, shape, variables=variables, **about)
  told = deployed.sources(net, shape, **about)
  sources = {n: s for n, s in told.items() if n.startswith('latency_ms@')}
  size = weights.size_bytes(artefact.stored(network))
  return quality, {**footprint, 'size_bytes': size}, sources


def _settings(step: step_lib.Step) -> dict[str, Any]:
  """The settings of a step that are not the defaults."""
  return {
    field.name: getattr(step, field.name)
    for field in dataclasses.fields(step)
    if getattr(step, field.name) != field.default
  }
