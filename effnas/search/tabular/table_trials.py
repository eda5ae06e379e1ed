"""Trials that are looked up in a table, for any engine.

A config with the section 'table' in place of data, space and training:

    {'table': {'name': 'nasbench201', 'path': FILE, 'dataset': 'cifar10'},
     'search': {'objectives': ['accuracy', 'latency_ms@pixel2'], ...}}

With {'surrogate': {'predictor': 'trees', 'seed': 0}} in 'table', the whole
space is searched, and what is told is expected, not measured; see
`effnas.search.tabular.surrogate`. It is run by

    search.run(
        config,
        workdir,
        evaluate='effnas.search.tabular.table_trials:evaluate',
        problem=table_trials.problem(config),
    )
"""

from collections.abc import Callable, Mapping
import dataclasses
import functools
import json
from typing import Any

from effnas import arguments, errors
from effnas.search import identity, sections, tables
from effnas.search import problem as problem_lib
from effnas.search import settings as settings_lib
from effnas.search.proposing import starts
from effnas.search.tabular import surrogate as surrogate_lib
from effnas.search.tabular import table as table_lib

Config = Mapping[str, Any]
Source = table_lib.Table | surrogate_lib.Surrogate


def load(config: Config) -> Source:
  """Returns the table of a config, or its surrogate; a process makes each once.

  Args:
    config: Its section 'table' is the arguments of `effnas.search.tables.load`,
      and 'surrogate', if there is one, those of `Surrogate`.

  Raises:
    UserError: The section is missing, or does not fit.
  """
  section: Any = config.get('table')
  for key in ('name', 'path'):
    if not isinstance(section, Mapping) or key not in section:
      raise errors.UserError(
        f'the config lacks table.{key}; its section table is e.g. '
        "{'name': 'nasbench201', 'path': 'nasbench201_12epoch.csv.gz'}"
      )
  asked = {} if 'surrogate' not in section else sections.value(config, 'search')
  names = [
    name
    for key in ('objectives', 'constraints', 'soft_constraints')
    for name in asked.get(key, ())
  ]
  return _load(json.dumps([section, names], sort_keys=True))


@functools.lru_cache(maxsize=4)
def _load(told: str) -> Source:
  section, names = json.loads(told)
  how = section.pop('surrogate', None)
  table = tables.load(**section)
  if how is None:
    return table
  if not isinstance(how, Mapping):
    raise errors.UserError(
      "table.surrogate must be a section, e.g. {'predictor': 'trees'}; got "
      f'{how!r}'
    )
  known = ('predictor', 'seed', 'share', 'args')
  for key in how:
    if key not in known:
      raise errors.unknown('argument of table.surrogate', key, known)
  arguments.values(surrogate_lib.Surrogate, how, 'table.surrogate.')
  return surrogate_lib.Surrogate(table, names, **how)


def problem(config: Config) -> problem_lib.Problem:
  """Returns the search problem of a config.

  Args:
    config: As above.

  Raises:
    UserError: A section does not fit.
  """
  settings = settings_lib.make(sections.value(config, 'search'))
  source = load(config)
  found = source.problem(
    settings.objectives, settings.constraints, settings.soft_constraints
  )
  first = starts.resolve(settings.start_with, found.space, settings.seed)
  return dataclasses.replace(found, starts=first, identity=_identity(source))


def evaluate(
  task: Mapping[str, Any],
  arch: Mapping[str, Any],
  trial: int,
  report: Callable[[int, Mapping[str, Any]], None],
) -> dict[str, Any]:
  """Looks a trial up; see `effnas.search.running.evaluation`."""
  del trial, report
  found = load(task['config'])
  wanted, here = task.get('identity') or {}, _identity(found)
  if identity.differing(wanted, here):
    raise errors.MachineError(
      f'a worker has another table than its search: '
      f'{identity.told(wanted, here)}; give all machines the same'
    )
  return found.evaluate(arch)


def _identity(found: Source) -> dict[str, str]:
  """What a search on a table is made with: the content of its file."""
  files = [file['sha256'] for file in found.provenance.get('files', ())]
  return {'table': identity.of_json(files)} if files else {}


def test(
  task: Mapping[str, Any], arch: Mapping[str, Any], trial: int
) -> dict[str, Any]:
  """Looks up what a trial of the front is worth on test images, if known."""
  del trial
  return load(task['config']).test(arch)
