"""Which network a command is about, and what its rules do not reach."""

from collections.abc import Mapping
import dataclasses
from typing import Any

from flax import linen
import numpy as np

from effnas import errors, footprint, quant, space, zoo
from effnas.cli import archs
from effnas.cli import request as request_lib
from effnas.nn import rewrite


@dataclasses.dataclass(frozen=True)
class Subject:
  """A network under rules, with what it takes in.

  Attributes:
    title: What it is, for a reader.
    net: The network under its rules.
    input_shape: Of one example, without the batch.
    input_dtype: dtype of the prepared inputs.
  """

  title: str
  net: rewrite.Rewritten
  input_shape: tuple[int, ...]
  input_dtype: Any = np.float32

  def unreached(self) -> list[str]:
    """Says what the rules do not do, a line each: nothing if they do it all."""
    if not self.net.rules:
      return []
    shape, dtype = self.input_shape, self.input_dtype
    seen = rewrite.coverage(self.net.model, self.net.rules, shape, dtype)
    lines = [
      f'the quantization rule {rule.pattern!r} matches no layer'
      for rule in seen.unused
    ]
    left = footprint.unreached(
      self.net.model, shape, seen.rules_by_path, input_dtype=dtype
    )
    if left:
      paths = list(dict.fromkeys(path or 'the network' for path, _, _ in left))
      shown = ', '.join(paths[:3]) + (', ...' if len(paths) > 3 else '')
      macs = sum(macs for _, _, macs in left)
      lines.append(f'quantization does not reach {macs:,} MACs, in {shown}')
    return lines


def of_config(
  request: request_lib.Request, config: Mapping[str, Any]
) -> tuple[Subject, Mapping[str, Any]]:
  """Returns the network of a config and of the arch that the flags name.

  Args:
    request: What was asked for, with the flags of `archs.define`.
    config: The config.

  Returns:
    The network and its arch.
  """
  from effnas.search import candidate

  dataset = candidate.load_data(config)
  arch, said = archs.choose(
    request, candidate.load_space(config), config['space']
  )
  subject = Subject(
    f'{config["space"]}, {said}',
    candidate.build(config, arch).net,
    dataset.input_shape,
    candidate.input_dtype(dataset),
  )
  return subject, arch


def named(request: request_lib.Request, name: str) -> Subject:
  """Returns a network by its name.

  Args:
    request: What was asked for: the flags `input`, `args`, `weights`,
      `activations`, and those of `archs.define`.
    name: A network or a space of the zoo, or 'module:function' for a function
      that returns a Linen module or declares a space.

  Raises:
    UserError: There is none, or a flag that it needs is missing.
  """
  flags = request.flags
  shape = _shape(flags.input)
  bits = {'weights': flags.weights, 'activations': flags.activations}
  bits = {key: value for key, value in bits.items() if value is not None}
  float_ = {'weights': quant.FLOAT, 'activations': quant.FLOAT}
  if name in zoo.networks():
    published = zoo.load(name)
    rules = _rules({**float_, **bits})
    net = rewrite.Rewritten(published.build(), rules)
    return Subject(
      name, net, shape or published.input_shape, np.dtype(published.input_dtype)
    )
  function = zoo.spaces().get(name, name)
  if ':' not in function:
    known = [*zoo.networks(), *zoo.spaces()]
    raise errors.unknown('network', name, known)
  arguments = request.json('args')
  found = space.load(function, **arguments)
  arch: Mapping[str, Any] = {}
  said = ''
  if found.decisions:
    arch, said = archs.choose(request, found, name)
  tree = found.build(dict(arch))
  parts = tree if isinstance(tree, Mapping) else {'model': tree}
  model = parts.get('model')
  if not isinstance(model, linen.Module):
    raise errors.UserError(
      f'{name} must give a flax.linen module, it gave {model!r}'
    )
  takes = zoo.takes(name, **arguments)
  shape = shape or tuple(arguments.get('input_shape', ()))
  if takes:
    shape = shape or takes.shape
  if not shape:
    raise errors.UserError(
      f'{name} says nothing of its input; add --input, e.g. --input=224,224,3'
    )
  rules = _rules({**float_, **parts.get('quant', {}), **bits})
  title = f'{name}, {said}' if said else name
  dtype = np.dtype(takes.dtype if takes else 'float32')
  return Subject(title, rewrite.Rewritten(model, rules), shape, dtype)


def _rules(settings: Mapping[str, Any]) -> tuple[Any, ...]:
  rules = quant.rules(**settings)
  return rules if any(r.weights != quant.FLOAT for r in rules) else ()


def _shape(words: list[str]) -> tuple[int, ...]:
  try:
    shape = tuple(int(word) for word in words)
  except ValueError:
    shape = (0,)
  if min(shape, default=1) < 1:
    raise errors.UserError(
      f'--input takes whole numbers, e.g. 224,224,3; got {",".join(words)!r}'
    )
  return shape
