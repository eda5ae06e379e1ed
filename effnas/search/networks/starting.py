"""Which arrays a candidate starts from, and which are drawn."""

from collections.abc import Mapping, Sequence
from typing import Any

from effnas import words
from effnas.nn import rewrite
from effnas.recipe import artefact, context, fits
from effnas.search.networks import candidate as candidate_lib

_NAMED = 3


def told(config: Mapping[str, Any], arch: Mapping[str, Any]) -> str | None:
  """Says what 'train.init' gives a candidate.

  Args:
    config: As for `effnas.search.networks.candidate.build`, with 'data'.
    arch: The candidate.

  Returns:
    A line, or None where all is drawn.

  Raises:
    UserError: The file cannot be read.
  """
  built = candidate_lib.build(config, arch)
  file = built.train.get('init')
  if not file:
    return None
  dataset = candidate_lib.load_data(config)
  own = rewrite.abstract_variables(
    built.net, dataset.input_shape, context.input_dtype(dataset)
  )
  return _said(file, fits.flat(artefact.read(file)), fits.flat(own))


def _said(file: str, given: Mapping[str, Any], own: Mapping[str, Any]) -> str:
  """Compares as a training does: by path and shape.

  Example:
    >>> import numpy as np
    >>> _said('a.st', {'stem': np.ones(2)}, {'stem': np.ones(2)})
    'train.init: 1 array of a.st taken'
  """
  taken = [p for p in own if p in given and given[p].shape == own[p].shape]
  drawn = [p for p in own if p not in taken]
  left = [p for p in given if p not in taken]
  parts = [f'train.init: {words.number(len(taken), "array")} of {file} taken']
  parts += [f'{len(drawn)} drawn: {_first(drawn)}'] if drawn else []
  parts += [f'{len(left)} of the file unused: {_first(left)}'] if left else []
  return '; '.join(parts)


def _first(names: Sequence[str]) -> str:
  shown = ', '.join(names[:_NAMED])
  return f'{shown}, ...' if len(names) > _NAMED else shown
