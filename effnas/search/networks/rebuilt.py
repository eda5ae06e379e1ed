"""The trained network that a workdir holds: the one way to load it again."""

from collections.abc import Mapping
import pathlib
from typing import Any, NamedTuple

from effnas import errors, files, words
from effnas.recipe import artefact, context, fits
from effnas.recipe import network as network_lib
from effnas.recipe import step as step_lib
from effnas.search import journal
from effnas.search.networks import candidate as candidate_lib

WEIGHTS = 'weights.safetensors'


class Run(NamedTuple):
  """A run that made a network.

  Attributes:
    config: Its config.json.
    arch: Which network of the space.
    weights: The weights file.
  """

  config: dict[str, Any]
  arch: Mapping[str, Any]
  weights: pathlib.Path


def load(
  workdir: str | pathlib.Path, trial: int | None = None
) -> network_lib.Network:
  """Rebuilds the network of a run of search, train or compress.

  Args:
    workdir: Its folder.
    trial: Of a search: which trial.

  Returns:
    The network as it is deployed, with its variables: `found.net.apply(
    found.variables, x)` gives the logits that the run evaluated.

  Raises:
    UserError: There is none, the weights are of another network, or trained
      values decided its shapes.
  """
  run = of_run(workdir, trial)
  dataset = candidate_lib.load_data(run.config)
  takes = tuple(dataset.input_shape), context.input_dtype(dataset)
  return network(run.config, run.arch, run.weights, *takes)


def network(
  config: Mapping[str, Any],
  arch: Mapping[str, Any],
  file: pathlib.Path,
  input_shape: tuple[int, ...],
  dtype: Any,
) -> network_lib.Network:
  """Rebuilds a network from its config and its weights file.

  Args:
    config: As for `effnas.search.networks.candidate.build`.
    arch: Which network of the space.
    file: The weights file that came of them.
    input_shape: Of one example, without the batch.
    dtype: Of the prepared inputs.

  Raises:
    UserError: As for `load`.
  """
  try:
    plan = candidate_lib.build(config, arch).structure(input_shape, dtype)
  except step_lib.Unplanned as e:
    raise errors.UserError(
      f'the network of {file} cannot be rebuilt from its config: {e}'
    ) from None
  plan = artefact.converted(plan, input_shape, dtype)
  variables = artefact.read(file)
  wrong = fits.misfit(variables, plan.variables)
  if wrong:
    raise errors.UserError(f'the weights {file} do not fit their run: {wrong}')
  return plan.replace(variables=variables)


def of_run(workdir: str | pathlib.Path, trial: int | None = None) -> Run:
  """Finds the network of a run.

  Args:
    workdir: The folder of a run of search, train or compress.
    trial: Of a search: which trial.

  Raises:
    UserError: It is no such folder, or does not say which network.
  """
  workdir = pathlib.Path(workdir)
  if not (workdir / 'config.json').is_file():
    raise errors.UserError(
      f'{workdir} is no workdir of a run: no config.json there'
    )
  config = files.read_json(workdir / 'config.json', 'config')
  if not isinstance(config, dict):
    raise errors.UserError(f'the config of {workdir} is no JSON object')
  if trial is not None:
    trials = journal.read(workdir)
    if trial not in range(len(trials)):
      raise errors.UserError(
        f'{workdir} has {words.number(len(trials), "trial")}, from 0; '
        f'got trial {trial!r}'
      )
    return Run(config, trials[trial].arch, folder(workdir, trial) / WEIGHTS)
  if 'arch' not in config:
    raise errors.UserError(
      f"{workdir} is of a search; say which network: 'trial': N"
    )
  return Run(config, config['arch'], workdir / WEIGHTS)


def folder(workdir: str | pathlib.Path, trial: int) -> pathlib.Path:
  """Returns where a trial's files lie in a workdir."""
  return pathlib.Path(workdir) / 'checkpoints' / str(trial)
