"""A search among the networks of the config's space that cost no more.

Where nothing bounds the cost, as when a network grows, among all of them.
"""

import dataclasses

from effnas.strategy.guide import fixed, step

KIND = 'shrink'


def make(plan, here):
  """Searches with the sampler and the trials of the config."""
  return searched(plan, here, {plan.cost: here.at.values[plan.cost]})


def searched(plan, here, constraints):
  """Returns the step that searches a space's models.

  Args:
    plan: Of the walk.
    here: Where it stands; tried first.
    constraints: Footprint metric to its bound.

  Raises:
    Skip: The space has but one network, or only widths, which others try.
  """
  point = here.point
  name, args = point.config['space'], point.config['space_args']
  decisions = fixed.models(name, args).decisions
  others = [key for key in decisions if key != plan.axis.key]
  if not others:
    raise step.Skip('the space has nothing to choose but a width')
  first = {key: point.arch[key] for key in point.arch if key in decisions}
  search = plan.search() | {'constraints': constraints, 'start_with': [first]}
  config = {
    **point.config,
    'space': f'{fixed.__name__}:models',
    'space_args': {'space': name, 'space_args': args},
    'search': search,
    **point.guide(),
  }
  rest = {k: v for k, v in point.arch.items() if k not in decisions}

  def made(arch):
    own = {k: v for k, v in arch.items() if k in decisions}
    return dataclasses.replace(point, arch={**rest, **own}, trained=None)

  def said(arch):
    changed = [k for k, v in arch.items() if point.arch.get(k) != v]
    if not changed:
      return 'the same network'
    return f'another network ({len(changed)} of {len(arch)} choices differ)'

  return step.Step(config, made, said)
