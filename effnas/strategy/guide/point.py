"""Where the walk stands: one network, and all that is done with it."""

from collections.abc import Mapping
import copy
import dataclasses
from typing import Any

import numpy as np

from effnas import errors, quant
from effnas.search import declared, plain
from effnas.search.networks import candidate
from effnas.search.proposing import starts
from effnas.space import choices
from effnas.strategy.guide import fixed

_SECTIONS = ('quant', 'optim', 'train')
# What a recipe does first.
ORDER = ('remove', 'prune', 'quantize')
WIDTH = 'width'


@dataclasses.dataclass(frozen=True)
class Point:
  """One network, how it is trained, and what it goes through afterwards.

  Attributes:
    config: A search's config without choices in its sections.
    arch: The decisions of the config's space.
    trained: The weights file, relative to the guide's workdir, of the network
      before its recipe; None where it has to be trained for that.
    pretrained: Whether its first weights were given; what is cut from it is
      then cut from these.
    teacher: Folder of the step's search that has its teacher, beside those of
      the other steps; None without one.
  """

  config: Mapping[str, Any]
  arch: Mapping[str, Any]
  trained: str | None = None
  pretrained: bool = False
  teacher: str | None = None

  @property
  def float(self) -> bool:
    """Whether it is trained in float."""
    section = self.config['quant']
    return section.get('weights') == quant.FLOAT and not section.get('patterns')

  @property
  def order(self) -> tuple[str, ...]:
    """The steps of its recipe."""
    return tuple(self.config['compress']['order'])

  def get(self, path: str, default: Any = None) -> Any:
    """Returns a value of its config, e.g. of 'compress.prune.sparsity'."""
    value: Any = self.config
    for name in path.split('.'):
      if not isinstance(value, Mapping) or name not in value:
        return default
      value = value[name]
    return value

  def replace(self, changes: Mapping[str, Any]) -> 'Point':
    """Returns the network with other values in its config.

    Args:
      changes: Path to value; a step of the recipe that one is about joins it.
        What is trained anew for them has no weights yet.
    """
    config = copy.deepcopy(dict(self.config))
    for path, value in changes.items():
      put(config, path, value)
    order = {*self.order, *(steps_of(changes))}
    config['compress']['order'] = [name for name in ORDER if name in order]
    kept = all(path.startswith('compress.') for path in changes)
    return dataclasses.replace(
      self, config=config, trained=self.trained if kept else None
    )

  def decided(self, key: str, value: Any) -> 'Point':
    """Returns the network with another choice of its space, not trained yet."""
    known = {**self.arch, key: value}
    own = fixed.load(self.config['space'], self.config['space_args'])
    arch = own.walk(
      lambda key, choice: known[key] if key in known else _default(choice)
    )
    return dataclasses.replace(self, arch=arch, trained=None)

  def taught(self, distill: Mapping[str, Any], teacher: str) -> 'Point':
    """Returns the network trained by a teacher.

    Args:
      distill: The config's 'train.distill'.
      teacher: As the attribute.
    """
    changed = self.replace({'train.distill': dict(distill)})
    return dataclasses.replace(changed, teacher=teacher)

  def guide(self, trained: str | None = None) -> dict[str, Any]:
    """Returns what a step's search is told about files of other steps.

    Args:
      trained: The weights file that its trials begin with, relative to the
        guide's workdir.

    Returns:
      The section 'guide', see `effnas.strategy.guide.trials`; empty without.
    """
    found = {}
    if trained is not None:
      found['trained'] = f'../../{trained}'
    if self.teacher is not None:
      found['teacher'] = f'../{self.teacher}'
    return {'guide': found} if found else {}

  def space(self) -> dict[str, Any]:
    """Returns 'space' and 'space_args' of the network alone."""
    name, args = self.config['space'], self.config['space_args']
    if not self.arch and set(fixed.load(name, args).tree) == {'model'}:
      return {'space': name, 'space_args': args}
    return {
      'space': f'{fixed.__name__}:space',
      'space_args': {'space': name, 'space_args': args, 'arch': self.arch},
    }


def start(config: Mapping[str, Any]) -> Point:
  """Returns the network that a config starts from, nothing done to it yet.

  Args:
    config: A search's. What it leaves to choose is as `search.start_with[0]`
      says, and else the first of several or the middle of a range.

  Raises:
    UserError: Its space has several networks and it does not say which.
  """
  config = {**plain.plain(config), 'compress': {'order': []}}
  own = fixed.load(config['space'], config['space_args'])
  whole = candidate.load_space(config)
  given = list(config['search'].get('start_with') or ())[:1]
  if not given and any(_of_model(key) for key in own.decisions):
    raise errors.UserError(
      'a guide starts from one network, and the space '
      f'{config["space"]!r} has several: say which in search.start_with, e.g. '
      f'[{_middle(own)!r}]'
    )
  known: Any = given[0] if given else {}
  if isinstance(known, str):
    found = starts.resolve(given, whole, 0, config['space_args'])[0]
    known = {key: value for key, value in found.items() if _of_model(key)}
  elif isinstance(known, Mapping):  # bad ones are told
    starts.resolve(
      [{key: v for key, v in known.items() if not _compresses(key)}],
      whole,
      0,
    )
  else:
    starts.resolve(given, whole, 0)
  arch = whole.walk(
    lambda key, choice: known[key] if key in known else _default(choice)
  )
  tree = whole.build(arch)
  for section in _SECTIONS:
    merged = declared.merged(config[section], tree.get(section, {}))
    config[section] = plain.plain(merged)
  return Point(config, {k: v for k, v in arch.items() if k in own.decisions})


def steps_of(changes: Mapping[str, Any]) -> set[str]:
  """Returns the steps of a recipe that changes of a config are about."""
  words = [path.split('.') for path in changes]
  return {w[1] for w in words if w[0] == 'compress' and len(w) > 2}


def put(config: dict[str, Any], path: str, value: Any) -> None:
  """Sets a value of a nested config.

  Args:
    config: Changed in place; mappings that lack are made.
    path: E.g. 'compress.prune.sparsity'.
    value: The value.
  """
  *above, last = path.split('.')
  for name in above:
    config = config.setdefault(name, {})
  config[last] = value


def _of_model(key: str) -> bool:
  return key.partition('.')[0] not in (*_SECTIONS, 'compress')


def _compresses(key: str) -> bool:
  return key.startswith('compress.')


def _default(choice: Any) -> Any:
  """The first of several; the middle of a range."""
  if isinstance(choice, choices.OneOf):
    return choice.labels[0]
  return choice.decode(np.full(choice.width, 0.5))


def _middle(space: Any) -> dict[str, Any]:
  found = space.walk(lambda key, choice: _default(choice))
  return {k: v for k, v in list(found.items())[:2] if _of_model(k)}
