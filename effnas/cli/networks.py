"""Which network a command is about, and what its rules do not reach."""

from collections.abc import Callable, Mapping
import dataclasses
import functools
from typing import Any

from flax import linen
import numpy as np

from effnas import errors, footprint, quant, space, zoo
from effnas.cli import archs
from effnas.cli import request as request_lib
from effnas.nn import rewrite
from effnas.zoo import published as published_lib

_LEFT = 8  # Layers that stay in float are named, a line each, up to so many.


@dataclasses.dataclass(frozen=True)
class Subject:
  """A network under rules, with what it takes in.

  Attributes:
    title: What it is, for a reader.
    net: The network under its rules.
    input_shape: Of one example, without the batch.
    input_dtype: dtype of the prepared inputs.
    variables: Those it is served with, where a weights file gave some.
    recipe: From shape and dtype of an example to the network that a config's
      steps make of it, not converted; None where there are no steps.
  """

  title: str
  net: rewrite.Rewritten
  input_shape: tuple[int, ...]
  input_dtype: Any = np.float32
  variables: Mapping[str, Any] | None = None
  recipe: Callable[[tuple[int, ...], Any], rewrite.Rewritten] | None = None

  def plain(self) -> 'Subject':
    """Returns it without rules: as a float network."""
    of, recipe = self.recipe, None
    if of is not None:

      def recipe(shape, dtype):
        return rewrite.Rewritten(of(shape, dtype).model)

    net = rewrite.Rewritten(self.net.model)
    return dataclasses.replace(self, net=net, recipe=recipe)

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
    if not left:
      return lines
    of = sum(
      row.macs
      for row in footprint.layers(self.net.model, shape, input_dtype=dtype)
    )
    by_path: dict[str, int] = {}
    for path, _, macs in left:
      by_path[path] = by_path.get(path, 0) + macs
    paths = [path or 'the network' for path in by_path]
    shown = ', '.join(paths[:3]) + (', ...' if len(paths) > 3 else '')
    lines.append(
      f'quantization does not reach {_share(sum(by_path.values()), of)}, '
      f'in {shown}'
    )
    named = quant.left(self.net, shape, dtype)
    for path, kind in list(named.items())[:_LEFT]:
      macs = sum(n for at, n in by_path.items() if _is_in(at, path))
      lines.append(f'{path} ({kind}) stays in float: {_share(macs, of)}')
    if len(named) > _LEFT:
      lines.append(f'{len(named) - _LEFT} more layers stay in float')
    return lines


def _share(macs: int, of: int) -> str:
  return f'{macs:,} MACs ({macs / max(1, of):.1%} of all)'


def _is_in(at: str, path: str) -> bool:
  return path in ('', at) or at.startswith(f'{path}/')


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
  from effnas.recipe import context
  from effnas.search.networks import candidate

  dataset = candidate.load_data(config)
  arch, said = archs.choose(
    request, candidate.load_space(config), config['space']
  )
  built = candidate.build(config, arch)
  subject = Subject(
    f'{config["space"]}, {said}',
    built.net,
    dataset.input_shape,
    context.input_dtype(dataset),
    recipe=functools.partial(_left, built) if built.recipe.steps else None,
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
  shape = input_shape(flags.input)
  bits = {'weights': flags.weights, 'activations': flags.activations}
  bits = {key: value for key, value in bits.items() if value is not None}
  float_ = {'weights': quant.FLOAT, 'activations': quant.FLOAT}
  of_space = flags.arch is not None or flags.search is not None
  if name in zoo.networks() and not (of_space and name in zoo.spaces()):
    published = zoo.load(name)
    tree = published_lib.space(name, **request.json('args')).build({})
    net = rewrite.Rewritten(tree['model'], _rules({**float_, **bits}))
    return Subject(
      name, net, shape or published.input_shape, np.dtype(published.input_dtype)
    )
  function = zoo.spaces().get(name, name)
  if ':' not in function:
    known = [*zoo.networks(), *zoo.spaces()]
    raise errors.unknown('network', name, known)
  arguments = request.json('args')
  found = space.load_as(function, name, arguments)
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


def with_weights(subject: Subject, file: str) -> Subject:
  """Returns a network with the variables of a weights file.

  Args:
    subject: The network.
    file: Of variables as in training, of converted ones, or, with a recipe, of
      what came of it.

  Raises:
    UserError: The file does not fit the network: the line names what does not.
  """
  from effnas.recipe import artefact, deployed

  net, takes = subject.net, (subject.input_shape, subject.input_dtype)
  variables = artefact.read(file)
  misfit, integer = _misfit(variables, net, *takes)
  if misfit and subject.recipe is not None:
    # Not of the network that the recipe starts with: of what comes of it.
    net = subject.recipe(*takes)
    misfit, integer = _misfit(variables, net, *takes)
  if misfit:
    raise errors.UserError(f'{file} does not fit {subject.title}: {misfit}')
  if net.rules and not integer:
    variables = deployed.converted(net, *takes, variables)
  title = f'{subject.title}, weights of {file}'
  return dataclasses.replace(subject, title=title, net=net, variables=variables)


def _left(
  candidate: Any, shape: tuple[int, ...], dtype: Any
) -> rewrite.Rewritten:
  return candidate.structure(shape, dtype).net


def _misfit(
  variables: Mapping[str, Any],
  net: rewrite.Rewritten,
  shape: tuple[int, ...],
  dtype: Any,
) -> tuple[str | None, bool]:
  """Says how variables do not fit, and whether they are converted ones."""
  from effnas.recipe import deployed, fits

  trained = rewrite.abstract_variables(net, shape, dtype)
  served = deployed.converted(net, shape, dtype)
  added = fits.flat(served).keys() - fits.flat(trained).keys()
  integer = not added.isdisjoint(fits.flat(variables))
  return fits.misfit(variables, served if integer else trained), integer


def _rules(settings: Mapping[str, Any]) -> tuple[Any, ...]:
  rules = quant.rules(**settings)
  return rules if any(r.weights != quant.FLOAT for r in rules) else ()


def input_shape(words: list[str]) -> tuple[int, ...]:
  """Returns the shape that `--input` says, () where it is not given.

  Args:
    words: What stands between its commas.

  Raises:
    UserError: They are no positive whole numbers.
  """
  try:
    shape = tuple(int(word) for word in words)
  except ValueError:
    shape = (0,)
  if min(shape, default=1) < 1:
    raise errors.UserError(
      f'--input takes whole numbers, e.g. 224,224,3; got {",".join(words)!r}'
    )
  return shape
