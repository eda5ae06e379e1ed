"""Which trained float network a command is about."""

from collections.abc import Mapping
import dataclasses
import json
import pathlib
from typing import Any

from absl import flags

from effnas import errors, files
from effnas.cli import archs, progress
from effnas.cli import config as config_lib
from effnas.cli import request as request_lib


@dataclasses.dataclass(frozen=True)
class Trained:
  """A trained float network and its data.

  Attributes:
    title: What it is, for a reader.
    net: The network, without rules.
    variables: Its variables.
    dataset: The data set of its config.
    config: The config.
    weights: Its weights file.
  """

  title: str
  net: Any
  variables: Mapping[str, Any]
  dataset: Any
  config: Mapping[str, Any]
  weights: pathlib.Path


def define(values: flags.FlagValues) -> None:
  """Defines `--workdir`, `--init`, `--config` and those of `archs.define`."""
  flags.DEFINE_string(
    'workdir',
    None,
    'The folder of a run: of `effnas train`, or with --trial=N of `effnas '
    'search`.',
    flag_values=values,
  )
  config_lib.define(values)
  flags.DEFINE_string(
    'init',
    None,
    'With --config: the weights file (safetensors) of the trained network.',
    flag_values=values,
  )
  archs.define(values)


def load(request: request_lib.Request) -> Trained:
  """Returns the network that the flags of `define` name.

  Args:
    request: What was asked for.

  Raises:
    UserError: There is none, its weights file does not fit, or it is no float
      network.
  """
  given = request.flags
  if (given.workdir is None) == (given.config is None):
    raise errors.UserError(
      f'{request.name} needs a trained network: either --workdir=RUN (with '
      '--trial=N where RUN is of a search) or --config=FILE --init=WEIGHTS'
    )
  if given.config is not None:
    file = pathlib.Path(request.need('init', 'the trained weights, a file'))
    config = request.config()
  else:
    file, config = _of_run(request)
  from effnas.cli import networks
  from effnas.recipe import artefact
  from effnas.search.networks import candidate

  subject, _ = networks.of_config(request, config)
  _refuse_integers(file, artefact.read(file))
  subject = networks.with_weights(subject.plain(), str(file))
  _refuse_factors(file, subject.net.model)
  return Trained(
    subject.title,
    subject.net,
    subject.variables or {},
    candidate.load_data(config),
    config,
    file,
  )


def _of_run(
  request: request_lib.Request,
) -> tuple[pathlib.Path, dict[str, Any]]:
  """The weights file and config of a run; its arch goes to the flags."""
  from effnas.search.networks import rebuilt

  given = request.flags
  for flag in ('init', 'arch', 'row', 'search'):
    if given[flag].value is not None:
      raise errors.UserError(
        f'--{flag} does not go with --workdir, whose run says it'
      )
  folder = pathlib.Path(given.workdir)
  config = config_lib.load(str(folder / 'config.json'))
  _hold(folder, config, given.accept_changes)
  if given.trial is not None:
    given['search'].value = given.workdir
    return rebuilt.folder(folder, given.trial) / rebuilt.WEIGHTS, config
  if config_lib.arch(str(folder / 'config.json')) is None:
    raise errors.UserError(
      f'{given.workdir} is of a search; say which network: --trial=N'
    )
  run = rebuilt.of_run(folder)
  given['arch'].value = json.dumps(run.arch)
  return run.weights, config


def _refuse_factors(file: pathlib.Path, model: Any) -> None:
  from effnas.compress import structured
  from effnas.compress.lowrank import grown

  inner = model.base if isinstance(model, structured.Narrowed) else model
  if isinstance(inner, grown.Grown):
    raise errors.UserError(
      f"{file} has factors in its layers' place, which are quantized within a "
      "recipe: name 'quantize' behind 'factor' in compress.order"
    )


def _hold(
  folder: pathlib.Path, config: Mapping[str, Any], accept: bool
) -> None:
  """Refuses a run whose data, or whose own space, is another one by now."""
  from effnas.search import identity, plain, workdir
  from effnas.search.networks import candidate, made_with

  key = 'space_description'
  was = files.read_json(folder / 'config.json', 'config').get(key)
  now = plain.plain(candidate.load_space(config).describe())
  found = workdir.differences(was, now, key) if was is not None else []
  if found:
    raise errors.UserError(f'{folder} holds a run of another space: {found[0]}')
  if identity.read(folder) is None:
    progress.tell(f'{folder} does not say what data it was made with')
  else:
    told = made_with.data(config)
    identity.hold(folder, told, accept=accept, ended=True)


def _refuse_integers(file: pathlib.Path, variables: Mapping[str, Any]) -> None:
  from flax import traverse_util
  import jax.numpy as jnp

  for path, leaf in traverse_util.flatten_dict(variables, sep='/').items():
    if path.endswith('/kernel') and not jnp.issubdtype(
      leaf.dtype, jnp.floating
    ):
      layer = path.removeprefix('params/').removesuffix('/kernel')
      raise errors.UserError(
        f'{file} is an integer network already ({layer} is {leaf.dtype}); '
        'quantization after training starts from a float one: train with '
        '--config.quant.weights=32 --config.quant.patterns=None, where the '
        "space chooses bits with --config.space_args.weights='(32,)'"
      )
