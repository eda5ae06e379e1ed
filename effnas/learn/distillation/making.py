"""A distillation from a config's values."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

import jax

from effnas import arguments, errors
from effnas.learn import objective
from effnas.learn.distillation import (
  attention,
  contrastive,
  distilling,
  exits,
  hints,
  relational,
  soft,
  unlabelled,
)
from effnas.learn.distillation import teacher as teacher_lib
from effnas.learn.distillation import terms as terms_lib

TERMS: dict[str, type[terms_lib.Term]] = {
  'angle': relational.Angles,
  'attention': attention.Attention,
  'contrastive': contrastive.Contrastive,
  'distance': relational.Distances,
  'exits': exits.Exits,
  'hint': hints.Hint,
  'pseudo_labels': unlabelled.PseudoLabels,
  'teacher_labels': soft.TeacherLabels,
}
_SEES = ('same', 'plain')


def make(
  teachers: Sequence[Any],
  *,
  inputs: jax.ShapeDtypeStruct,
  classes: int,
  augmented: bool = True,
  hard: float = 0.1,
  alpha: float = 0.9,
  temperature: float = 4.0,
  t_squared: bool = True,
  softmax_twice: bool = False,
  shares: Sequence[float] = (),
  sees: str = 'same',
  terms: Sequence[Mapping[str, Any]] = (),
) -> distilling.Distill:
  """Makes the objective of a distillation.

      hard CE(y, s) + alpha T^2 KL(teachers at T || s at T) + terms

  Args:
    teachers: (network, variables) pairs or `Teacher`s; a network of the
      student's own form makes it a born-again one. None for a network that
      teaches itself.
    inputs: Shape and type of a prepared batch.
    classes: Number of classes of the student.
    augmented: Whether inputs change from epoch to epoch; where they do not, the
      teachers' logits are computed once.
    hard: Weight of the labels.
    alpha: Weight of the soft labels; 0 leaves them out.
    temperature: T.
    t_squared: Whether soft labels are multiplied by T^2.
    softmax_twice: Soft labels as in the survey's notebook (`soft`); without
      T^2.
    shares: Weight of each teacher; none is the same for all.
    sees: What teachers are asked about: 'same', the student's inputs, or
      'plain', the inputs as the data set has them, once.
    terms: Further ones: mappings with 'name', one of `TERMS`, and the fields of
      that class, for instance `{'name': 'attention', 'weight': 1000.0, 'pairs':
      [['stages/1', 'stages/2']]}`.

  Returns:
    The objective.

  Raises:
    UserError: Classes that differ, unknown names or paths, numbers out of
      range, or teachers that are asked nothing.

  Example:
    >>> from flax import linen
    >>> import jax.numpy as jnp
    >>> net = linen.Dense(3)
    >>> x = jax.ShapeDtypeStruct((1, 2), jnp.float32)
    >>> variables = net.init(jax.random.key(0), jnp.ones((1, 2)))
    >>> made = make([(net, variables)], inputs=x, classes=3, temperature=2.0)
    >>> made == make([(net, variables)], inputs=x, classes=3, temperature=8.0)
    True
  """
  terms_lib.check('hard', hard, least=0)
  terms_lib.check('alpha', alpha, least=0)
  if sees not in _SEES:
    raise errors.unknown('value of sees', sees, _SEES)
  found = [
    each
    if isinstance(each, teacher_lib.Teacher)
    else teacher_lib.Teacher(*each)
    for each in teachers
  ]
  all_terms = [_term(i, settings) for i, settings in enumerate(terms)]
  soft_term = soft.SoftLabels(
    alpha, temperature, t_squared=t_squared, softmax_twice=softmax_twice
  )
  if alpha:
    all_terms.insert(0, soft_term)
  _check_asked(found, all_terms)
  outputs = [each.shapes(inputs) for each in found]
  for each in outputs:
    if each.logits.shape[-1] != classes:
      raise errors.UserError(
        f'a teacher tells {each.logits.shape[-1]} classes and the student '
        f'{classes}: they must be the same'
      )
  paths = _check_paths(outputs, all_terms)
  if paths and sees == 'plain' and augmented:
    raise errors.UserError(
      "sees='plain' gives the teachers' logits only, and a term compares the "
      f"output of {paths[0]!r}: leave sees at 'same'"
    )
  return distilling.Distill(
    teachers=tuple(found),
    terms=tuple(
      term.sized(lambda i, path: _width(outputs[i], path), classes)
      for term in all_terms
    ),
    hard=hard,
    shares=_shares(shares, len(found)),
    cached=bool(found) and not paths and (sees == 'plain' or not augmented),
  )


def _term(i: int, settings: Mapping[str, Any]) -> terms_lib.Term:
  arguments.value(settings, Mapping[str, Any], f'terms[{i}]')
  values = dict(settings)
  name = values.pop('name', None)
  if name not in list(TERMS):  # It may be unhashable.
    raise errors.unknown(f'name of terms[{i}]', name, TERMS)
  fields = [f.name for f in dataclasses.fields(TERMS[name]) if not f.kw_only]
  for key in values:
    if key not in fields:
      raise errors.unknown(f'setting of {name}', key, fields)
  arguments.values(TERMS[name], values, f'{name}.')
  return TERMS[name](**values)


def _check_asked(teachers: Sequence[Any], terms: Sequence[Any]) -> None:
  asked = [term for term in terms if term.asks_teachers()]
  if asked and not teachers:
    raise errors.UserError(
      f'{type(asked[0]).__name__} asks a teacher and there is none: name one, '
      'or leave the term out (alpha=0 leaves out the soft labels)'
    )
  if teachers and not asked:
    raise errors.UserError(
      'the teachers are asked nothing: alpha is 0 and no term looks at them'
    )
  if not terms:
    raise errors.UserError(
      'there is nothing to distil: alpha is 0 and there are no terms'
    )
  for term in terms:
    if not isinstance(term, terms_lib.Compared):
      continue
    if term.teacher not in range(len(teachers)):
      raise errors.UserError(
        f'teacher must be from 0 to {len(teachers) - 1}, as there are '
        f'{len(teachers)}; got {term.teacher!r}'
      )


def _check_paths(
  outputs: Sequence[objective.Output], terms: Sequence[terms_lib.Term]
) -> list[str]:
  """Returns the teachers' modules that terms look at."""
  paths = []
  for i, output in enumerate(outputs):
    for path in (path for term in terms for path in term.teacher_taps(i)):
      if path not in output.features:
        known = {*output.features} - {''}
        raise errors.unknown('module of the teacher', path, known)
      paths.append(path)
  return paths


def _width(output: objective.Output, path: str) -> int:
  return terms_lib.output(output, path).shape[-1]


def _shares(shares: Sequence[float], count: int) -> tuple[float, ...]:
  if not shares:
    return (1.0,) * count
  if len(shares) != count:
    raise errors.UserError(
      f'shares has one number for each teacher; got {len(shares)} for {count}'
    )
  for share in shares:
    terms_lib.check('a share', share, least=0)
  if not sum(shares):
    raise errors.UserError('one of the shares must be more than 0')
  return tuple(shares)
