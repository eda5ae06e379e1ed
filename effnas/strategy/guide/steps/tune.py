"""A search of hyper-parameters: those of the config, or the learning rate.

It takes the sampler, the scheduler and the trials of the config's search.
"""

from collections.abc import Mapping
import dataclasses
import inspect

from effnas.search import declared, plain
from effnas.search.networks import candidate
from effnas.strategy.guide import point as point_lib
from effnas.strategy.guide import step
from effnas.train import optim

KIND = 'improve'
_RANGE = 3.0
_SMOOTHINGS = (0.0, 0.1)


def make(plan, here):
  """Searches with the sampler and the trials of the config."""
  point = here.point
  varied = _declared(plan.config) or _usual(point)
  config = {**point.config, **point.space(), **point.guide()}
  config['search'] = plan.search()
  sections = {name: dict(config[name]) for name in ('optim', 'train')}
  for path, choice in varied.items():
    section, _, rest = path.partition('.')
    point_lib.put(sections[section], rest, choice)
  config |= sections

  def made(arch):
    tree = candidate.load_space(config).build(dict(arch))
    own = {**point.config}
    for name in sections:
      merged = declared.merged(config[name], tree.get(name, {}))
      own[name] = plain.plain(merged)
    return dataclasses.replace(point, config=own, trained=None)

  def said(arch):
    return ', '.join(
      f'{key.rpartition(".")[2].replace("_", " ")} {_short(value)}'
      for key, value in arch.items()
    )

  return step.Step(config, made, said)


def _declared(config):
  """The choices of a config that are hyper-parameters, by path."""
  found = {}

  def look(section, path):
    for key, value in section.items():
      here = f'{path}.{key}'
      if here == 'train.augment' or not isinstance(value, Mapping):
        continue
      if declared.found({key: value}) and len(value) == 1:
        found[here] = value
      else:
        look(value, here)

  for name in ('optim', 'train'):
    look(config[name], name)
  return found


def _usual(point):
  """What to vary where a config does not say."""
  default = inspect.signature(optim.make).parameters['lr'].default
  lr = point.get('optim.lr', default)
  found = {'optim.lr': {'loguniform': [lr / _RANGE, lr * _RANGE]}}
  decay = point.get('optim.weight_decay')
  if decay:
    ends = [decay / _RANGE, decay * _RANGE]
    found['optim.weight_decay'] = {'loguniform': ends}
  found['train.label_smoothing'] = {'oneof': list(_SMOOTHINGS)}
  return found


def _short(value):
  return f'{value:.3g}' if isinstance(value, float) else str(value)
