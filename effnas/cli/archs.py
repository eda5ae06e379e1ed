"""Which arch of a space a command is about."""

from collections.abc import Mapping
from typing import Any

from absl import flags

from effnas import errors
from effnas.cli import config as config_lib
from effnas.cli import request as request_lib
from effnas.cli import rows


def define(values: flags.FlagValues) -> None:
  """Defines `--arch`, `--row`, `--search`, `--trial` and `--seed`."""
  flags.DEFINE_string(
    'arch',
    None,
    'The arch: a JSON object, or a file that holds one (`effnas space` prints '
    "some), or with --row a public table of the space's archs (.csv, .csv.gz, "
    '.json).',
    flag_values=values,
  )
  flags.DEFINE_integer(
    'row', None, 'The row of the table --arch, from 0.', flag_values=values
  )
  flags.DEFINE_string(
    'search',
    None,
    'The workdir of a search, to take the arch of --trial from.',
    flag_values=values,
  )
  flags.DEFINE_integer(
    'trial', None, 'The id of a trial of --search.', flag_values=values
  )
  flags.DEFINE_integer(
    'seed',
    0,
    'Where no arch is given: the seed of the one that is drawn.',
    lower_bound=0,
    flag_values=values,
  )


def choose(
  request: request_lib.Request, space: Any, name: str
) -> tuple[Mapping[str, Any], str]:
  """Returns the arch that the flags of `define` name, or a sample.

  Args:
    request: What was asked for.
    space: The `effnas.space.Space` that it must be of.
    name: The name of that space.

  Returns:
    The arch, and in a few words which one it is.

  Raises:
    UserError: It is not of the space, or there is no such trial.
  """
  given = request.flags
  arch: Mapping[str, Any]
  if given.arch is not None and given.search is not None:
    raise errors.UserError('--arch and --search both name an arch; give one')
  if (given.search is None) != (given.trial is None):
    raise errors.UserError(
      'a trial is named by --search=WORKDIR and --trial=N together'
    )
  table = given.arch is not None and rows.is_table(given.arch)
  if given.row is not None and not table:
    raise errors.UserError('--row is of a table, and --arch names none')
  if table:
    arch = rows.pick(given.arch, given.row, name)
    said = f'row {given.row} of {given.arch}'
  elif given.arch is not None:
    arch, said = request.json('arch'), 'the given arch'
  elif given.search is not None:
    arch = _of_trial(given.search, given.trial)
    said = f'trial {given.trial} of {given.search}'
  elif (of_run := _of_config(given)) is not None:
    arch, said = of_run, f'the arch of {given.config}'
  else:
    import numpy as np

    arch = space.sample(np.random.default_rng(given.seed))
    said = f'sample of --seed={given.seed}'
  space.check(arch)
  return arch, said


def _of_config(given: Any) -> Mapping[str, Any] | None:
  """The arch of the run whose config.json is given, where no seed is."""
  if 'config' not in given or given['seed'].present:
    return None
  return config_lib.arch(given.config)


def _of_trial(workdir: str, trial: int) -> Mapping[str, Any]:
  from effnas.search import journal

  trials = journal.read(workdir)
  if not 0 <= trial < len(trials):
    raise errors.UserError(
      f'--trial={trial}: {workdir} has the trials 0 to {len(trials) - 1}'
      if trials
      else f'--trial={trial}: {workdir} has no trial yet'
    )
  return trials[trial].arch
