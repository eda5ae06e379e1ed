"""How the network of a walk gets narrower or wider."""

from collections.abc import Mapping, Sequence
import dataclasses
import importlib
import inspect
from typing import Any

from effnas import errors, zoo
from effnas.space import choices
from effnas.strategy.guide import fixed
from effnas.strategy.guide import point as point_lib

SMALLER = (0.25, 0.5, 0.75)
LARGER = (1.5, 2.0)
_REMOVED = (0.25, 0.5)


@dataclasses.dataclass(frozen=True)
class Axis:
  """What the width of a network is.

  Attributes:
    kind: 'argument' (of the space), 'decision' (of the space), or 'remove':
      the channels of the trained network that are taken out.
    key: Of the argument, the decision, or the setting of the step.
    values: From narrow to wide, the network's own among them.
  """

  kind: str
  key: str
  values: tuple[float, ...]

  def now(self, point: point_lib.Point) -> float:
    """Returns where a network stands on it."""
    if self.kind == 'argument':
      given: Any = point.config['space_args'].get(self.key)
      return _default(point.config) if given is None else given
    if self.kind == 'decision':
      return point.arch[self.key]
    return 1 - point.get('compress.remove.sparsity', 0.0) * (
      'remove' in point.order
    )

  def smaller(self, point: point_lib.Point) -> tuple[float, ...]:
    """Returns the values below a network's, from small to large."""
    return tuple(v for v in self.values if v < self.now(point))

  def larger(self, point: point_lib.Point) -> tuple[float, ...]:
    """Returns the values above a network's, from small to large."""
    return tuple(v for v in self.values if v > self.now(point))

  def at(self, point: point_lib.Point, value: float) -> point_lib.Point:
    """Returns the network at another width, not trained yet."""
    if value == self.now(point):
      return point
    if self.kind == 'remove':
      return point.replace({'compress.remove.sparsity': round(1 - value, 6)})
    if self.kind == 'argument':
      args = {**point.config['space_args'], self.key: value}
      config = {**point.config, 'space_args': args}
      return dataclasses.replace(point, config=config, trained=None)
    return point.decided(self.key, value)

  def said(self, value: float) -> str:
    """Writes a value."""
    if self.kind == 'remove':
      return f'{100 * (1 - value):.3g} % of channels removed'
    return f'width {value:g}'

  def space(
    self, point: point_lib.Point, values: Sequence[float]
  ) -> dict[str, Any]:
    """Returns 'space' and 'space_args' of a network at several widths."""
    return {
      'space': f'{fixed.__name__}:space',
      'space_args': {
        'space': point.config['space'],
        'space_args': point.config['space_args'],
        'arch': dict(point.arch),
        self.kind if self.kind == 'argument' else 'key': self.key,
        'widths': list(values),
      },
    }


def find(
  config: Mapping[str, Any],
  point: point_lib.Point,
  widths: Sequence[float] | None = None,
) -> Axis:
  """Finds what makes a network narrower.

  That is a decision of its space that is called 'width', else an argument of
  its space (or of the published network) that is called so, else the removal of
  channels. Weights that were given are cut, in any case.

  Args:
    config: The config as it was given.
    point: The network.
    widths: Values to take, over the network's own; None are the decision's,
      or some.

  Raises:
    UserError: A width is none.
  """
  for width in widths or ():
    if not width > 0:
      raise errors.UserError(f'a width is a number above 0; got {width!r}')
  own = fixed.load(config['space'], config['space_args'])
  if not point.pretrained:
    decisions: Mapping[str, Any] = own.decisions
    for key, choice in decisions.items():
      if _is_width(key, choice):
        base = point.arch[key]
        options = sorted(choice.labels)
        if widths is not None:
          wanted = {base, *(base * width for width in widths)}
          options = [v for v in options if v in wanted]
        return Axis('decision', key, tuple(options))
    base = config['space_args'].get(point_lib.WIDTH, _default(config))
    if _is_number(base):
      factors = (*SMALLER, *LARGER) if widths is None else widths
      wanted = {round(base * factor, 6) for factor in factors}
      values = tuple(sorted({base, *wanted}))
      return Axis('argument', point_lib.WIDTH, values)
  if widths is not None:
    removed: Sequence[float] = [1 - width for width in widths if width < 1]
  else:
    removed = options_of(config, 'compress.remove.sparsity', _REMOVED)
  left = {1.0, *(round(1 - share, 6) for share in removed)}
  return Axis('remove', 'compress.remove.sparsity', tuple(sorted(left)))


def options_of(
  config: Mapping[str, Any], path: str, default: Sequence[Any]
) -> tuple[Any, ...]:
  """Returns what a config offers for a setting.

  Args:
    config: The config as it was given; its value may be a choice,
      {'oneof': [...]}.
    path: The setting, e.g. 'compress.prune.sparsity'.
    default: Where it says nothing.

  Example:
    >>> options_of({'compress': {'prune': {'sparsity': {'oneof': [0.5, 0.8]}}}},
    ...            'compress.prune.sparsity', ())
    (0.5, 0.8)
  """
  value: Any = config
  for name in path.split('.'):
    if not isinstance(value, Mapping) or name not in value:
      return tuple(default)
    value = value[name]
  if isinstance(value, Mapping):
    if list(value) != ['oneof']:
      raise errors.UserError(
        f"the guide tries each of {path}: write {{'oneof': [...]}}; got "
        f'{value!r}'
      )
    return tuple(value['oneof'])
  return (value,)


def _is_width(key: str, choice: Any) -> bool:
  return (
    key.rpartition('.')[2] == point_lib.WIDTH
    and isinstance(choice, choices.OneOf)
    and all(map(_is_number, choice.labels))
  )


def _default(config: Mapping[str, Any]) -> Any:
  """The width of a network by its space's function; None without one."""
  name, args = config['space'], config['space_args']
  if name == 'published':
    build = zoo.load(args.get('name', 'mobilenet_v2')).build
  else:
    module, _, function = zoo.spaces().get(name, name).partition(':')
    build = getattr(importlib.import_module(module), function)
  parameter = inspect.signature(build).parameters.get(point_lib.WIDTH)
  value = None if parameter is None else parameter.default
  return value if _is_number(value) else None


def _is_number(value: Any) -> bool:
  return isinstance(value, int | float) and not isinstance(value, bool)
