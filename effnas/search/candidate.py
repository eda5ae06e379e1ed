"""One candidate: from a config and an arch to a trained, converted network."""

from collections.abc import Callable, Mapping
import dataclasses
import functools
import inspect
import json
import logging
import pathlib
import shutil
from typing import Any

import jax
import numpy as np

from effnas import data as data_lib
from effnas import errors, quant, space, train, zoo
from effnas.footprint import weights
from effnas.learn import augment
from effnas.nn import fused, rewrite
from effnas.search import costs as costs_lib
from effnas.search import metrics as metrics_lib
from effnas.search import problem as problem_lib
from effnas.search import sections
from effnas.search import settings as settings_lib
from effnas.train import optim as optim_lib

_log = logging.getLogger(__name__)

Config = Mapping[str, Any]
Arch = Mapping[str, Any]

# Sections of a config that the space's tree may hold choices for.
_SECTIONS = ('quant', 'optim', 'train')
WEIGHTS = 'weights.safetensors'


@dataclasses.dataclass(frozen=True)
class Candidate:
  """What an arch stands for under a config.

  Attributes:
    net: The network under the rules it is trained with.
    optim: Keyword arguments of `effnas.train.optim.make`.
    train: Keyword arguments of `effnas.train.fit`.
  """

  net: rewrite.Rewritten
  optim: Mapping[str, Any]
  train: Mapping[str, Any]


def load_space(config: Config) -> space.Space:
  """Returns the space that a config names, a short name being the zoo's.

  Raises:
    UserError: There is none of that name, or it has no part 'model'.
  """
  arguments = _canonical(sections.value(config, 'space_args'))
  return _load_space(sections.value(config, 'space'), arguments)


def load_data(config: Config) -> data_lib.Dataset:
  """Returns the data set of a config; workers load each once."""
  sections.check(sections.value(config, 'data'), 'data')
  return _load_data(_canonical(config['data']))


def input_dtype(dataset: data_lib.Dataset) -> Any:
  """Returns the dtype of a data set's prepared inputs."""
  return np.int32 if dataset.kind == 'tokens' else np.float32


def build(config: Config, arch: Arch) -> Candidate:
  """Builds the candidate of an arch.

  Args:
    config: Holds 'space', 'space_args', 'quant', 'optim', 'train'. What the
      space's tree says under one of the last three takes precedence.
    arch: A point of the space.

  Returns:
    The candidate; nothing is allocated.

  Raises:
    UserError: The arch is none of the space's, or the config lacks something.
  """
  tree = load_space(config).build(dict(arch))
  for part in tree:
    if part not in ('model', *_SECTIONS):
      raise errors.unknown('part of a space', part, ('model', *_SECTIONS))
  if 'model' not in tree:
    raise errors.UserError(f"the space {config['space']!r} has no part 'model'")
  arguments = {}
  for section, accepted in _accepted().items():
    given = {**sections.value(config, section), **tree.get(section, {})}
    for key in given:
      if key not in accepted:
        raise errors.unknown(f'setting of {section}', key, accepted)
    sections.check(given, section)
    arguments[section] = given
  rules = quant.rules(**arguments['quant'])
  return Candidate(
    rewrite.Rewritten(tree['model'], rules),
    arguments['optim'],
    arguments['train'],
  )


def problem(config: Config) -> problem_lib.Problem:
  """Returns the search problem of a config.

  Its functions need no backend and train nothing.

  Args:
    config: As for `build`, with 'data', 'footprint' and 'search' beside. Under
      'footprint', 'targets' names the devices to give latencies for, beside
      those of objectives and constraints; 'batch' the examples at a time where
      a target names none (None: as many as a calibrated target was measured
      at, else 1); and 'compile' the devices whose compiler tells the memory
      that the networks of the front take, after the search.

  Raises:
    UserError: A section does not fit.
  """
  found = load_space(config)
  dataset = load_data(config)
  settings = settings_lib.make(sections.value(config, 'search'))
  asked, after = _costs(config, dataset), _compiled(config, dataset)
  asked.check()
  after.check()
  sample = build(config, found.sample(np.random.default_rng(0)))
  _check(sample, dataset, asked.input_dtype)
  asked.counted(sample)  # finds a bad batch before anything starts
  told = dataclasses.replace(asked, metrics=(*asked.metrics, *after.metrics))
  return problem_lib.Problem(
    space=found,
    objectives=tuple(settings.objectives),
    footprint=lambda arch: asked.measure(build(config, arch)),
    constraints=settings.constraints,
    provenance=dataset.provenance,
    sources=lambda arch: told.sources(build(config, arch)),
  )


def fit(
  config: Config,
  arch: Arch,
  folder: pathlib.Path,
  report: Callable[[int, Mapping[str, Any]], None],
) -> dict[str, Any]:
  """Trains a candidate, converts it, and evaluates what would be deployed.

  Args:
    config: As for `problem`. 'train.init' may name a weights file to start
      from: what it has under the candidate's paths and shapes is taken, the
      rest is drawn.
    arch: The candidate.
    folder: Receives the converted weights, and checkpoints meanwhile where
      'train.checkpoint_every' is not 0; a training cut off goes on from them.
    report: Called with epoch (from 1) and metrics after each epoch.

  Returns:
    Quality on the validation split, of the converted network.
  """
  dataset = load_data(config)
  candidate = build(config, arch)
  arguments = dict(candidate.train)
  start = arguments.pop('init', None)
  if start:
    arguments['variables'] = read(start)
  every = arguments.pop('checkpoint_every')
  if every:
    arguments |= {
      'checkpoint_dir': folder / 'training',
      'checkpoint_every': every,
    }
  # Here and not in `build`: the driver must not ask for devices.
  rules = (*candidate.net.rules, *fused.rules())
  fitted = train.fit(
    rewrite.Rewritten(candidate.net.model, rules),
    dataset,
    optim=candidate.optim,
    on_epoch=report,
    **arguments,
  )
  net, variables = quant.convert(
    candidate.net, fitted.variables, dataset.input_shape, input_dtype(dataset)
  )
  quality = train.evaluate(net, variables, dataset.valid, dataset)
  folder.mkdir(parents=True, exist_ok=True)
  draft = folder / f'.{WEIGHTS}.new'
  draft.write_bytes(weights.serialize(variables))
  draft.replace(folder / WEIGHTS)
  shutil.rmtree(folder / 'training', ignore_errors=True)
  return quality


def evaluate(
  task: Mapping[str, Any],
  arch: Arch,
  trial: int,
  report: Callable[[int, Mapping[str, Any]], None],
) -> dict[str, Any]:
  """Evaluates a trial on a worker; see `effnas.search.evaluation`."""
  return fit(task['config'], arch, folder(task['workdir'], trial), report)


def test(task: Mapping[str, Any], arch: Arch, trial: int) -> dict[str, Any]:
  """Evaluates the weights file of a finished trial on the test split.

  What the config has under 'footprint.compile' is told here too.

  Args:
    task: {'config': ..., 'workdir': ...}.
    arch: The trial's.
    trial: Its id.

  Returns:
    'test_accuracy' and so on: the quality of the file, as it would be loaded
    elsewhere. Then 'peak_memory_bytes@T' for each T that it is compiled for;
    where that fails, 'failed_to_compile@T' says why.

  Raises:
    UserError: The file is missing or no weights file.
  """
  config = task['config']
  quality = test_weights(config, arch, folder(task['workdir'], trial))
  found: dict[str, Any] = {f'test_{n}': value for n, value in quality.items()}
  costs = _compiled(config, load_data(config))
  for metric in costs.metrics:
    try:
      memory = costs.memory(build(config, arch), str(metric.target))
    except errors.UserError as e:
      _log.warning('trial %d, %s: %s', trial, metric.target, e)
      found[metrics_lib.UNCOMPILED + str(metric.target)] = str(e)
    else:
      found[metric.name] = memory
  return found


def test_weights(
  config: Config, arch: Arch, folder: pathlib.Path
) -> dict[str, float]:
  """Evaluates a weights file on the test split, as if loaded elsewhere.

  Args:
    config: As for `problem`.
    arch: The candidate.
    folder: What `fit` got.

  Returns:
    'accuracy' and so on.

  Raises:
    UserError: The file is missing or no weights file.
  """
  variables = read(folder / WEIGHTS)
  dataset = load_data(config)
  net = quant.serving(build(config, arch).net)
  return train.evaluate(net, variables, dataset.test, dataset)


def folder(workdir: str | pathlib.Path, trial: int) -> pathlib.Path:
  """Returns where a trial's files lie in a workdir."""
  return pathlib.Path(workdir) / 'checkpoints' / str(trial)


def read(path: str | pathlib.Path) -> dict[str, Any]:
  """Reads a weights file.

  Raises:
    UserError: It is missing, or no weights file.
  """
  path = pathlib.Path(path)
  try:
    return weights.deserialize(path.read_bytes())
  except OSError as e:
    raise errors.UserError(
      f'cannot read the weights {path}: {e.strerror}'
    ) from None


def _costs(config: Config, dataset: data_lib.Dataset) -> costs_lib.Costs:
  """The costs that a config asks for before training."""
  section = sections.value(config, 'footprint')
  sections.check(section, 'footprint')
  search = settings_lib.make(sections.value(config, 'search'))
  names = [*search.objectives, *search.constraints]
  names += [f'latency_ms@{target}' for target in section['targets']]
  metrics = map(metrics_lib.parse, dict.fromkeys(names))
  return costs_lib.Costs(
    tuple(m for m in metrics if m.footprint and m.name not in costs_lib.ALWAYS),
    section['batch'],
    dataset.input_shape,
    input_dtype(dataset),
    len(dataset.train.x),
  )


def _compiled(config: Config, dataset: data_lib.Dataset) -> costs_lib.Costs:
  """What is compiled after a search, for the front, and was not before."""
  asked = _costs(config, dataset)
  targets = dict.fromkeys(config['footprint']['compile'])
  names = [f'peak_memory_bytes@{target}' for target in targets]
  metrics = tuple(map(metrics_lib.parse, names))
  left = tuple(m for m in metrics if m not in asked.metrics)
  return dataclasses.replace(asked, metrics=left)


@functools.cache
def _accepted() -> dict[str, list[str]]:
  """The keys of each section: the arguments of one function."""
  functions: dict[str, Callable[..., Any]] = {
    'quant': quant.rules,
    'optim': optim_lib.make,
    'train': train.fit,
  }
  supplied = {'steps', 'net', 'dataset', 'optim', 'checkpoint_dir'}
  supplied |= {'on_epoch', 'variables', 'loss'}
  accepted = {
    section: [k for k in inspect.signature(f).parameters if k not in supplied]
    for section, f in functions.items()
  }
  accepted['train'].append('init')  # a weights file to start from
  return accepted


def _canonical(value: Any) -> str:
  return json.dumps(value, sort_keys=True)


@functools.lru_cache(maxsize=8)
def _load_space(name: str, arguments: str) -> space.Space:
  if ':' not in name:
    if name not in zoo.spaces():
      raise errors.unknown('space', name, zoo.spaces())
    name = zoo.spaces()[name]
  return space.load(name, **json.loads(arguments))


@functools.lru_cache(maxsize=2)
def _load_data(arguments: str) -> data_lib.Dataset:
  return data_lib.load(**json.loads(arguments))


def _check(candidate: Candidate, dataset: data_lib.Dataset, dtype: Any) -> None:
  """Finds before training what would make every trial fail alike."""
  optim_lib.make(1, **candidate.optim)
  augment.make(
    candidate.train['augment'], crop_padding=candidate.train['crop_padding']
  )
  x = jax.ShapeDtypeStruct((1, *dataset.input_shape), dtype)
  # Without rules: AQT asks for the devices, and the driver must not.
  net = rewrite.Rewritten(candidate.net.model)
  logits = jax.eval_shape(
    lambda x: net.init_with_output(jax.random.key(0), x)[0], x
  )
  if logits.shape[-1] != dataset.classes:
    raise errors.UserError(
      f'the network gives {logits.shape[-1]} logits, but {dataset.name} has '
      f'{dataset.classes} classes; set space_args.classes'
    )
