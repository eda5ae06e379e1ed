"""`effnas footprint --lookup`: the latency that others measured of an arch."""

from collections.abc import Mapping
from typing import Any

from absl import flags

from effnas import errors
from effnas.cli import archs, rows
from effnas.cli import request as request_lib


def define(values: flags.FlagValues) -> None:
  """Defines `--lookup` and `--lookup_value`."""
  flags.DEFINE_string(
    'lookup',
    None,
    "A public table of a space's archs (.csv, .csv.gz, .json) to look the "
    'latency of the arch up in.',
    flag_values=values,
  )
  flags.DEFINE_string(
    'lookup_value',
    None,
    'The column of --lookup that holds the milliseconds.',
    flag_values=values,
  )


def latency(request: request_lib.Request) -> dict[str, Any] | None:
  """Returns what a table says of the arch, None without `--lookup`.

  Args:
    request: With the flags of `define` and `effnas.cli.archs`, and `args`,
      `config`.

  Returns:
    'column', 'latency_ms' and 'source'.

  Raises:
    UserError: There is no arch, no such table or column, or the table does
      not have the arch.
  """
  given = request.flags
  if given.lookup is None:
    if given.lookup_value is not None:
      raise errors.UserError('--lookup_value is a column of --lookup=FILE')
    return None
  column = request.need('lookup_value', 'the column with the milliseconds')
  from effnas import zoo
  from effnas.footprint import measured
  from effnas.footprint.measured import lookup

  name, space = _space(request)
  as_row = zoo.of_space(name, 'row')
  if as_row is None:
    known = [n for n in zoo.spaces() if zoo.of_space(n, 'row')]
    raise errors.UserError(
      f'no table is known for the space {name!r}; there are tables of '
      f'{", ".join(known)}'
    )
  arch, _ = archs.choose(request, space, name)
  wanted, as_arch = as_row(arch), rows.as_archs(name)
  table = measured.Table.read(
    given.lookup, tuple(wanted), column, lambda r: as_row(as_arch(r))
  )
  return {
    'column': column,
    'latency_ms': table.arch(wanted),
    'source': f'{lookup.SOURCE} ({given.lookup})',
  }


def row(found: Mapping[str, Any]) -> list[str]:
  """Returns it as a row of the table of metrics.

  Args:
    found: What `latency` gave.
  """
  from effnas.report import labels

  value = labels.value('latency_ms', found['latency_ms'])
  return [f'latency by {found["column"]}', value, found['source']]


def _space(request: request_lib.Request) -> tuple[str, Any]:
  """The space that the command line is about, by its name."""
  from effnas import zoo
  from effnas.search.networks import candidate

  given = request.flags
  if given.config is not None:
    config = request.config()
    return config['space'], candidate.load_space(config)
  name = request.args[0]
  of_space = given.arch is not None or given.search is not None
  if name in zoo.networks() and not (of_space and name in zoo.spaces()):
    raise errors.UserError(
      f'--lookup is of an arch of a space, and {name} is a network'
    )
  space = {'space': name, 'space_args': request.json('args')}
  return name, candidate.load_space(space)
