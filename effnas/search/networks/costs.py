"""What a candidate costs: the footprint metrics that a search asks for.

No others are computed: what compiling for a target tells takes seconds a
network, and a traced training step about as long as all that is counted.
Nothing here starts a JAX backend.
"""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses
import inspect
from typing import Any

import jax
import numpy as np

from effnas import arguments, errors, train
from effnas.footprint import bounds, training
from effnas.footprint.compiled import target as compiler
from effnas.footprint.latency import target as target_lib
from effnas.nn import rewrite
from effnas.recipe import artefact, context, deployed
from effnas.recipe import network as network_lib
from effnas.search import metrics as metrics_lib
from effnas.search import sections
from effnas.search import settings as settings_lib
from effnas.train import optim as optim_lib

ALWAYS = ('params', 'macs', 'size_bytes', 'peak_memory_bytes')
_TIMED = ('latency_ms', 'throughput')


@dataclasses.dataclass(frozen=True)
class Costs:
  """The costs that are asked for, of networks with one input.

  Attributes:
    metrics: The footprint metrics, beside `ALWAYS`.
    batch: Examples at a time where a target names no batch; None for one, and
      for the batch of its measurements on a calibrated target.
    input_shape: Of one example, without the batch.
    input_dtype: dtype of the prepared inputs.
    examples: Examples of the training split.
  """

  metrics: tuple[metrics_lib.Metric, ...]
  batch: int | None
  input_shape: tuple[int, ...]
  input_dtype: Any
  examples: int

  def check(self) -> None:
    """Finds unknown targets, and compilers that are not installed.

    Raises:
      UserError: There is one.
    """
    for metric in self.metrics:
      if metric.target is not None:
        target = target_lib.load(metric.target)
        if metric.kind == 'peak_memory_bytes':
          compiler.plan(target.device.name)

  def counted(self, candidate: Any) -> dict[str, Any]:
    """Returns the costs of a candidate but for those that compiling tells.

    Args:
      candidate: As `effnas.search.candidate.Candidate`.

    Returns:
      By metric; those that others are derived from are among them.
    """
    timed = [m for m in self.metrics if m.kind in _TIMED]
    plan = self._plan(candidate)
    values = deployed.measure(
      plan.net,
      self.input_shape,
      targets=_targets(timed),
      batch=self.batch,
      input_dtype=self.input_dtype,
      variables=artefact.stored(plan),
    )
    for metric in timed:
      if metric.kind == 'throughput':
        latency = values[f'latency_ms@{metric.target}']
        values[metric.name] = 1000 * self._batch(metric) / latency
    if any(metric.training for metric in self.metrics):
      values |= self._training(candidate)
    return values

  def measure(self, candidate: Any) -> dict[str, Any]:
    """Returns all asked costs of a candidate, in the order of asking.

    Args:
      candidate: As for `counted`.

    Raises:
      UserError: It cannot be compiled, or the device is too small for it.
    """
    values = self.counted(candidate)
    for metric in self.metrics:
      if metric.kind == 'peak_memory_bytes' and metric.target:
        values[metric.name] = self.memory(candidate, metric.target)
    names = dict.fromkeys((*ALWAYS, *(m.name for m in self.metrics)))
    return {name: values[name] for name in names}

  def memory(self, candidate: Any, name: str) -> int:
    """Returns the device memory of a converted candidate on a target.

    Args:
      candidate: As for `counted`.
      name: The target.

    Returns:
      Bytes: arguments, outputs, temporaries and code.

    Raises:
      UserError: It cannot be compiled, or the device is too small for it.
    """
    plan = self._plan(candidate)
    result = deployed.compiled(
      plan.net,
      self.input_shape,
      name,
      batch=self.batch,
      input_dtype=self.input_dtype,
      variables=plan.variables,
    )
    if result.total_bytes is None:
      raise errors.UserError(
        f'it is too large for {result.target}: {result.refused}'
      )
    return result.total_bytes

  def sources(self, candidate: Any) -> dict[str, str]:
    """Says where the times and the compiled memory of a candidate come from.

    Args:
      candidate: As for `counted`.

    Returns:
      By metric; what is counted is left out, unless it is a lower bound.
    """
    timed = [m for m in self.metrics if m.kind in _TIMED]
    told = deployed.sources(
      self._plan(candidate).net,
      self.input_shape,
      targets=_targets(timed),
      batch=self.batch,
      input_dtype=self.input_dtype,
    )
    found = {}
    if bounds.words(told['macs']):
      found['macs'] = told['macs']
    for metric in self.metrics:
      if metric.target is None:
        continue
      if metric.kind in _TIMED:
        source = told[f'latency_ms@{metric.target}']
        if metric.kind == 'throughput':
          source = bounds.inverse(source)
        found[metric.name] = source
        continue
      device = target_lib.load(metric.target).device
      if metric.training:
        source = f'datasheet, {device.float_format}'
        batch = self._settings(candidate)['batch_size']
      else:
        source = f'compiled ({compiler.plan(device.name).compiler})'
        batch = self._batch(metric)
      found[metric.name] = f'{source}, batch {batch}'
    return found

  def _plan(self, candidate: Any) -> network_lib.Network:
    """What is deployed of a candidate."""
    return candidate.plan(self.input_shape, self.input_dtype)

  def _batch(self, metric: metrics_lib.Metric) -> int:
    return target_lib.load(str(metric.target)).at(self.batch)

  def _settings(self, candidate: Any) -> dict[str, Any]:
    """Settings of a training, those that a config leaves out among them."""
    parameters = inspect.signature(train.fit).parameters.values()
    found = {p.name: p.default for p in parameters} | dict(candidate.train)
    # A split smaller than a batch is one batch.
    return found | {'batch_size': min(found['batch_size'], self.examples)}

  def _training(self, candidate: Any) -> dict[str, float]:
    """Returns what training costs, of the float network, by metric.

    What quantization-aware training keeps beside it is not counted: tracing
    it would start a backend.
    """
    settings = self._settings(candidate)
    batch = settings['batch_size']
    asked = [m for m in self.metrics if m.training]
    devices = {m.name: _device(m) for m in asked if m.target}
    # A second gradient, at parameters that are moved.
    sharp = candidate.optim.get('sam', 0) > 0
    found = training(
      rewrite.Rewritten(candidate.net.model),
      self.input_shape,
      batch=batch,
      examples=self.examples // batch * batch,  # the last ones are left out
      epochs=settings['epochs'],
      optimizer_slots=_slots(candidate.optim) + (settings['ema'] > 0) + sharp,
      input_dtype=self.input_dtype,
      float_format=settings['dtype'],
      targets=dict.fromkeys(devices.values()),
    )
    values = {
      m.name: found[f'{m.kind}@{devices[m.name]}' if m.target else m.kind]
      for m in asked
    }
    if sharp:
      values |= {
        m.name: 2 * values[m.name] for m in asked if m.kind not in _KEPT
      }
    return values


_KEPT = ('train_step_memory',)  # what a second gradient does not double


def asked(config: Mapping[str, Any], dataset: Any) -> Costs:
  """Returns the costs that a config asks for before training.

  Args:
    config: Holds 'footprint' and 'search'.
    dataset: The data.
  """
  section = sections.value(config, 'footprint')
  sections.check(section, 'footprint')
  arguments.values(_section, section, 'footprint.')
  search = settings_lib.make(sections.value(config, 'search'))
  names = [
    *search.objectives,
    *search.constraints,
    *search.soft_constraints,
  ]
  names += [f'latency_ms@{target}' for target in section['targets']]
  metrics = map(metrics_lib.parse, dict.fromkeys(names))
  return Costs(
    tuple(m for m in metrics if m.footprint and m.name not in ALWAYS),
    section['batch'],
    dataset.input_shape,
    context.input_dtype(dataset),
    len(dataset.train.x),
  )


def _section(
  targets: Sequence[str],
  batch: arguments.Count | None,
  compile: Sequence[str],
) -> None:
  """What 'footprint' holds, see `network_trials.problem`."""
  del targets, batch, compile


def compiled(config: Mapping[str, Any], dataset: Any) -> Costs:
  """Returns what is compiled after a search, for the front alone.

  Args:
    config: Holds 'footprint' and 'search'.
    dataset: The data.
  """
  before = asked(config, dataset)
  targets = dict.fromkeys(config['footprint']['compile'])
  names = [f'peak_memory_bytes@{target}' for target in targets]
  metrics = tuple(map(metrics_lib.parse, names))
  left = tuple(m for m in metrics if m not in before.metrics)
  return dataclasses.replace(before, metrics=left)


def _targets(timed: Iterable[metrics_lib.Metric]) -> tuple[str, ...]:
  return tuple(dict.fromkeys(m.target for m in timed if m.target))


def _device(metric: metrics_lib.Metric) -> str:
  return target_lib.load(str(metric.target)).device.name


def _slots(optim: Mapping[str, Any]) -> int:
  """How many arrays of the parameters' size an optimiser keeps."""
  params = {'kernel': jax.ShapeDtypeStruct((7,), np.float32)}
  state = jax.eval_shape(optim_lib.make(1, **optim).init, params)
  return sum(leaf.shape == (7,) for leaf in jax.tree.leaves(state.inner))
