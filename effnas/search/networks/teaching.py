"""Teachers of a config, and what is learnt from them.

A teacher is named where a config says 'teacher', in one of two ways:

    {'workdir': 'runs/teacher'}                a run of `effnas train`
    {'workdir': 'runs/search', 'trial': 3}     or a trial of `effnas search`
    {'network': 'resnet18', 'args': {'classes': 10}, 'weights': FILE}
    {'network': SPACE, 'args': {...}, 'arch': {...}, 'weights': FILE}

A text alone is the workdir of a run. The last two are the zoo's, or
'module:function', in float, with a file of variables as in training.
"""

from collections.abc import Mapping, Sequence
import functools
import inspect
import json
from typing import Any

from flax import errors as flax_errors
import jax
import numpy as np

from effnas import arguments, errors, space, zoo
from effnas.learn import augment, distillation
from effnas.nn import rewrite
from effnas.recipe import artefact, context, fits
from effnas.recipe import network as network_lib
from effnas.search import identity
from effnas.search.networks import candidate as candidate_lib
from effnas.search.networks import rebuilt
from effnas.train import evaluation, resolutions
from effnas.zoo import published

_OF_A_RUN = ('workdir', 'trial')
_OF_THE_ZOO = ('network', 'args', 'arch', 'weights')
# What of a run's config says which network it made.
_OF_A_NETWORK = (
  'space',
  'space_args',
  'space_description',
  'quant',
  'compress',
)
# Arguments of `distillation.make` that come from elsewhere.
_SUPPLIED = ('teachers', 'inputs', 'classes', 'augmented')


def objective(
  settings: Mapping[str, Any] | None, train: Mapping[str, Any], dataset: Any
) -> distillation.Distill | None:
  """Returns what a config's 'train.distill' makes the training minimise.

  Args:
    settings: The keyword arguments of `effnas.learn.distillation.make`, and
      'teacher': one, a list of them, or None where the network teaches itself.
      None is no distillation.
    train: The other settings of the training.
    dataset: The data.

  Raises:
    UserError: A setting is unknown or out of range, a teacher cannot be read,
      or does not fit the data.
  """
  if settings is None:
    return None
  parameters = inspect.signature(distillation.make).parameters
  known = ['teacher', *(p for p in parameters if p not in _SUPPLIED)]
  given = _settings(settings, 'train.distill', known)
  arguments.values(distillation.make, given, 'train.distill.')
  named = given.pop('teacher', None)
  if named is not None and not isinstance(named, list | tuple):
    named = [named]
  change = augment.make(train['augment'], crop_padding=train['crop_padding'])
  if given.get('sees') == 'plain' and change.mixes:
    raise errors.UserError(
      f"sees='plain' asks the teacher about rows as they are, and "
      f"{change.mixes} mixes them: leave sees at 'same'"
    )
  streamed = hasattr(dataset.train, 'pieces')
  changing = change.changes or train.get('resolutions') or streamed
  teachers = [teacher(each, dataset) for each in named or ()]
  if given.get('sees') != 'plain':
    sides = resolutions.pieces(train.get('resolutions'))
    _check_sides(teachers, named, _inputs(dataset), sides)
  return distillation.make(
    teachers,
    inputs=_inputs(dataset),
    classes=dataset.classes,
    augmented=bool(changing),
    **given,
  )


def curriculum(
  settings: Mapping[str, Any] | None, config: Mapping[str, Any]
) -> Mapping[str, Any] | None:
  """Returns a curriculum as `effnas.train.fit` takes it.

  Args:
    settings: A config's 'train.curriculum'. With 'teacher' the rows are judged
      by that one, else by the network itself.
    config: Has 'data'.
  """
  if not isinstance(settings, Mapping) or 'teacher' not in settings:
    return settings
  rest = {k: v for k, v in settings.items() if k != 'teacher'}
  named = settings['teacher']
  if named is None:
    return rest
  losses = _judged(_canonical(named), _canonical(config['data']))
  return {**rest, 'losses': losses}


def teacher(named: Any, dataset: Any) -> distillation.Teacher:
  """Returns a teacher.

  Args:
    named: As the head of this file says.
    dataset: What it is to look at.

  Raises:
    UserError: It cannot be read, or does not fit.
  """
  takes = (tuple(dataset.input_shape), context.input_dtype(dataset).__name__)
  return _teacher(_canonical(named), *takes)


def digest(named: Any) -> str:
  """Returns the checksum of what a teacher is: its network and its weights.

  Args:
    named: As the head of this file says.

  Raises:
    UserError: It cannot be read.
  """
  given = _told(named)
  if 'workdir' not in given:  # the config says which network it is
    weights = given.get('weights')
    return identity.of_file(str(weights), "the teacher's weights")
  run = _of(given)
  return identity.of_json(
    {
      'network': {key: run.config.get(key) for key in _OF_A_NETWORK},
      'arch': run.arch,
      'weights': identity.of_file(run.weights, "the teacher's weights"),
    }
  )


@functools.lru_cache(maxsize=4)
def _teacher(
  named: str, input_shape: tuple[int, ...], dtype: str
) -> distillation.Teacher:
  given = _told(json.loads(named))
  read = _of_a_run if 'workdir' in given else _of_the_zoo
  try:
    found = read(given, input_shape, dtype)
  except errors.UserError:
    raise
  except (TypeError, ValueError, ZeroDivisionError) as e:
    first = str(e).partition('\n')[0]
    raise errors.UserError(
      f'the teacher {named} does not take inputs of {input_shape}: {first}'
    ) from e
  return distillation.Teacher(found.net, found.variables)


def _told(given: Any) -> dict[str, Any]:
  """Returns what names a teacher, by key."""
  if isinstance(given, str):
    given = {'workdir': given}
  if not isinstance(given, Mapping):
    raise errors.UserError(
      "a teacher is named by its workdir, or as {'network': NAME, 'weights': "
      f'FILE}}; got {given!r}'
    )
  known = _OF_A_RUN if 'workdir' in given else _OF_THE_ZOO
  return _settings(given, 'teacher', known)


def _of_a_run(
  given: Mapping[str, Any], input_shape: tuple[int, ...], dtype: str
) -> network_lib.Network:
  run = _of(given)
  try:
    return rebuilt.network(*run, input_shape, dtype)
  except errors.UserError as e:
    raise errors.UserError(f'the teacher: {e}') from None


def _of(given: Mapping[str, Any]) -> rebuilt.Run:
  try:
    return rebuilt.of_run(given['workdir'], given.get('trial'))
  except errors.UserError as e:
    raise errors.UserError(f'the teacher {e}') from None


def _of_the_zoo(
  given: Mapping[str, Any], input_shape: tuple[int, ...], dtype: str
) -> network_lib.Network:
  for key in ('network', 'weights'):
    if not isinstance(given.get(key), str):
      raise errors.UserError(
        "a teacher is named by its workdir, or as {'network': NAME, 'weights': "
        f'FILE}}; {key} is {given.get(key)!r}'
      )
  name, its = given['network'], given.get('args') or {}
  arguments.value(its, Mapping[str, Any], 'args of the teacher')
  if name in zoo.networks() and 'arch' not in given:
    tree = published.space(name, **its).build({})
  else:
    function = zoo.spaces().get(name, name)
    if ':' not in function:
      known = [*zoo.networks(), *zoo.spaces()]
      raise errors.unknown('network of a teacher', name, known)
    loaded = space.load_as(function, name, its)
    tree = loaded.build(given.get('arch') or {})
  model = tree['model'] if isinstance(tree, Mapping) else tree
  net = rewrite.Rewritten(model)
  plan = network_lib.planned(net, input_shape, dtype)
  variables = artefact.read(given['weights'])
  wrong = fits.misfit(variables, plan.variables)
  if wrong:
    raise errors.UserError(
      f"the teacher's weights {given['weights']} do not fit: {wrong}"
    )
  return plan.replace(variables=variables)


def _check_sides(
  teachers: Sequence[distillation.Teacher],
  names: Any,
  inputs: jax.ShapeDtypeStruct,
  sides: resolutions.Pieces,
) -> None:
  """Finds a teacher that does not take what the student is trained on."""
  for side in (side for _, side in sides):
    small = jax.eval_shape(lambda x, s=side: resolutions.resized(x, s), inputs)
    for each, named in zip(teachers, names or (), strict=True):
      try:
        each.shapes(small)
      except (flax_errors.FlaxError, TypeError, ValueError):
        raise errors.UserError(
          f'the teacher {named} does not take images of {side} pixels, to '
          "which resolutions bring the student's: with sees='plain' it is "
          'asked about those of the data set'
        ) from None


@functools.lru_cache(maxsize=2)
def _judged(named: str, data: str) -> np.ndarray:
  dataset = candidate_lib.load_data({'data': json.loads(data)})
  told = teacher(json.loads(named), dataset)
  return evaluation.row_losses(told.net, told.variables, dataset.train, dataset)


def _inputs(dataset: Any) -> jax.ShapeDtypeStruct:
  shape = (1, *dataset.input_shape)
  return jax.ShapeDtypeStruct(shape, context.input_dtype(dataset))


def _settings(given: Any, name: str, known: Sequence[str]) -> dict[str, Any]:
  if not isinstance(given, Mapping):
    raise errors.UserError(
      f'{name} holds settings by name, as {{{known[0]!r}: ...}}; got {given!r}'
    )
  for key in given:
    if key not in known:
      raise errors.unknown(f'setting of {name}', key, known)
  return dict(given)


def _canonical(value: Any) -> str:
  return json.dumps(value, sort_keys=True)
