"""Describes a search space, samples archs of it, or checks one.

A space is one of the zoo by its name, a function of your own as
'module:function', or that of a config. `describe` lists every decision with
its options and when it is active; `sample` prints archs, a JSON object a line;
`check` says whether --arch is of the space; with a public table of the space's
archs (.csv, .csv.gz, .json) it checks every row.

Examples:
  effnas space hybrid describe --args='{"input_shape": [8, 8, 1]}'
  effnas space hybrid sample --n=3 --seed=1
  effnas space sample --config=configs/digits.py
  effnas space check --config=configs/digits.py --arch=arch.json
  effnas space accel_nasbench check --arch=accel-nasbench.csv
"""

from typing import Any

from absl import flags

from effnas import errors, terminal, words
from effnas.cli import config as config_lib
from effnas.cli import progress, show
from effnas.cli import request as request_lib

USAGE = 'space [NAME | MODULE:FUNCTION] describe|sample|check [--flags]'
_ACTIONS = ('describe', 'sample', 'check')


def define(values: flags.FlagValues) -> None:
  """Defines its flags."""
  config_lib.define(values)
  flags.DEFINE_string(
    'args',
    '{}',
    "The arguments of the space's function, a JSON object.",
    flag_values=values,
  )
  flags.DEFINE_integer(
    'n', 3, 'sample: how many.', lower_bound=1, flag_values=values
  )
  flags.DEFINE_integer(
    'seed', 0, 'sample: the seed.', lower_bound=0, flag_values=values
  )
  flags.DEFINE_string(
    'arch',
    None,
    'check: the arch, a JSON object or a file that holds one, or a table.',
    flag_values=values,
  )
  request_lib.define_format(values)


def run(request: request_lib.Request) -> None:
  """Finds the space and does what is asked with it."""
  names = [word for word in request.args if word not in _ACTIONS]
  actions = [word for word in request.args if word in _ACTIONS]
  if len(names) == 2:  # one of them was meant to be what to do
    known = [n for n in names if ':' not in n]
    raise errors.unknown('action', (known or names)[-1], _ACTIONS)
  if len(names) > 1 or len(actions) > 1:
    raise errors.UserError(f'space: too many words; usage: effnas {USAGE}')
  space = _find(request, names)
  action = actions[0] if actions else 'describe'
  form = request.flags.format
  if action == 'sample':
    _sample(space, request.flags.n, request.flags.seed, form)
  elif action == 'check':
    _check(request, space, names)
  elif form == 'json':
    show.as_json(space.describe())
  else:
    _describe(space)


def _find(request: request_lib.Request, names: list[str]) -> Any:
  from effnas.search.networks import candidate

  if request.flags.config is not None:
    if names:
      raise errors.UserError(
        f'{names[0]!r} and --config both name a space; give one'
      )
    return candidate.load_space(request.config())
  if not names:
    from effnas import zoo

    raise errors.UserError(
      'space needs a name or --config=FILE; names: '
      f'{", ".join(zoo.spaces())}, or module:function'
    )
  arguments = request.json('args')
  return candidate.load_space({'space': names[0], 'space_args': arguments})


def _check(request: request_lib.Request, space: Any, names: list[str]) -> None:
  from effnas.cli import rows

  arch = request.need('arch', 'a JSON object, or a file that holds one')
  if not rows.is_table(arch):
    space.check(request.json('arch'))
    progress.tell('the arch is of the space')
    return
  name = names[0] if names else request.config()['space']
  as_arch, table = rows.as_archs(name), rows.read(arch)
  for i, row in enumerate(table):
    try:
      space.check(as_arch(row))
    except errors.UserError as e:
      raise errors.UserError(f'row {i} of {arch}: {e}') from None
  said = 'its row is' if len(table) == 1 else f'all {len(table):,} rows are'
  progress.tell(f'{said} of the space')


def _sample(space: Any, number: int, seed: int, form: str) -> None:
  import json

  import numpy as np

  rng = np.random.default_rng(seed)
  archs = [space.sample(rng) for _ in range(number)]
  if form == 'json':
    show.as_json(archs)
    return
  for arch in archs:
    terminal.out(json.dumps(arch))


def _describe(space: Any) -> None:
  described = space.describe()
  rows = []
  for decision in described['decisions']:
    options = decision.get('options')
    if options is None:
      options = [f'{decision["low"]} to {decision["high"]}']
    rows.append(
      [
        decision['key'],
        decision['kind'],
        ', '.join(map(str, options)),
        _when(decision['when']),
      ]
    )
  size = described['size']
  endless = 'infinitely many archs'
  many = endless if size is None else words.number(size, 'arch')
  terminal.out(f'{many}, {words.number(len(rows), "decision")}', '')
  show.table(['key', 'kind', 'options', 'active when'], rows)


def _when(alternatives: list[dict[str, list[Any]]] | None) -> str:
  if alternatives is None:
    return 'always'
  return ' or '.join(
    ' and '.join(
      f'{key} = {"|".join(map(str, values))}' for key, values in one.items()
    )
    for one in alternatives
  )
