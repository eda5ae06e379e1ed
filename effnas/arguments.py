"""Arguments from a config: they fit what a function's signature says, or not.

Types are those of the annotations, and ranges stand there too:

    def space(classes: arguments.Count = 10, depths: arguments.Counts = (1, 2)):

Whatever is called with values of a config, of `--args` or of a JSON file is
checked here first, so that what is called needs no checks of types. Values that
JSON cannot hold, such as choices and arrays, come from Python and pass.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import functools
import inspect
import typing
from typing import Annotated, Any, Literal

from effnas import errors, hints

_SHOWN = 60  # characters of a value

Range = hints.Range
Length = hints.Length
_OF_AN_ARRAY = Range(most=2**31 - 1)
Count = Annotated[int, Range(1), _OF_AN_ARRAY]
Whole = Annotated[int, Range(0)]
Share = Annotated[float, Range(0, 1)]
Decay = Annotated[float, Range(0, 1, below=True)]
Positive = Annotated[float, Range(0, above=True)]
NotNegative = Annotated[float, Range(0)]
Depth = Annotated[int, Range(1, 10_000)]  # each is traced
Counts = Annotated[Sequence[Count], Length()]
Depths = Annotated[Sequence[Depth], Length()]
Positives = Annotated[Sequence[Positive], Length()]
Shape = Annotated[Sequence[Count], Length()]
_COUNTS_AND_SHARES: Mapping[type, Any] = {int: Count, float: Share}


def check(
  function: Callable[..., Any], args: Any, what: str, name: str
) -> None:
  """Checks what a config gives as the keyword arguments of a function.

  Where an annotation states no range, an int is a count, 1 or more, and a float
  a share, from 0 to 1.

  Args:
    function: The function; its keyword-only arguments may be given.
    args: The arguments.
    what: What the function is, for errors.
    name: Its name there.

  Raises:
    UserError: They are no mapping, there is no such argument, or a value does
      not fit.

  Example:
    >>> def halve(*, eta: int = 3): ...
    >>> check(halve, {'eat': 3}, 'scheduler', 'halving')
    Traceback (most recent call last):
    effnas.errors.UserError: unknown argument of scheduler halving 'eat'; did
      you mean 'eta'?
    >>> check(halve, {'eta': 0.5}, 'scheduler', 'halving')
    Traceback (most recent call last):
    effnas.errors.UserError: halving.eta must be a whole number of at
      least 1, got 0.5
  """
  value(args, Mapping[str, Any], f'the arguments of {what} {name}')
  known = {
    key
    for key, parameter in inspect.signature(function).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY
  }
  for key in args:
    if key not in known:
      raise errors.unknown(f'argument of {what} {name}', key, known)
  values(function, args, f'{name}.', plain=_COUNTS_AND_SHARES)


def values(
  function: Callable[..., Any],
  args: Mapping[str, Any],
  prefix: str = '',
  *,
  plain: Mapping[type, Any] | None = None,
) -> None:
  """Checks values against a signature; names that it lacks are passed over.

  Args:
    function: A function, a class, or a partial of one.
    args: Value by the name of the argument.
    prefix: Before a name in errors, e.g. 'train.'.
    plain: What stands for an annotation that states no range.

  Raises:
    UserError: A value does not fit. The default always does.

  Example:
    >>> def space(depths: Counts = (1, 2)): ...
    >>> values(space, {'depths': [1, 0]}, 'space_args.')
    Traceback (most recent call last):
    effnas.errors.UserError: space_args.depths[1] must be a whole number of at
      least 1, got 0
  """
  found, defaults = _signature(function)
  for key, given in args.items():
    if key not in found:
      continue
    default = defaults.get(key, inspect.Parameter.empty)
    if type(given) is type(default) and given == default:
      continue
    hint = found[key]
    value(given, (plain or {}).get(hint, hint), f'{prefix}{key}')


def value(given: Any, hint: Any, name: str) -> None:
  """Checks a value against an annotation.

  Args:
    given: The value.
    hint: The annotation; one that says nothing of JSON values admits all.
    name: Of the value, for errors.

  Raises:
    UserError: It does not fit.

  Example:
    >>> value(True, int | None, 'train.seed')
    Traceback (most recent call last):
    effnas.errors.UserError: train.seed must be a whole number or null, got True
  """
  found = hints.misfit(given, hint, name)
  if found is None:
    return
  name, hint, given = found
  options = typing.get_args(hint)
  if typing.get_origin(hint) is Literal and isinstance(given, str):
    raise errors.unknown(name, shown(given, quoted=False), map(str, options))
  must = hints.words(hint, given)
  raise errors.UserError(f'{name} must be {must}, got {shown(given)}')


def called(
  function: Callable[..., Any], args: Mapping[str, Any], what: str
) -> Any:
  """Calls a function of a user's; what it raises becomes one line.

  Args:
    function: The function.
    args: Its keyword arguments.
    what: What it is, for errors, e.g. "the space 'hybrid'".

  Raises:
    UserError: It raised something.

  Example:
    >>> called(lambda a: 1 / a, {'a': 0}, "the space 'mine'")
    Traceback (most recent call last):
    effnas.errors.UserError: the space 'mine' with {'a': 0}: ZeroDivisionError:
      division by zero
  """
  try:
    return function(**args)
  except Exception as e:
    raise failed(what, args, e) from e


def failed(
  what: str, args: Mapping[str, Any], e: Exception
) -> errors.UserError:
  """Returns the one line for what a function raised; see `called`."""
  kind = errors.MachineError if errors.of_the_machine(e) else errors.UserError
  given = f' with {shown(dict(args), 100)}' if args else ''
  said = str(e) if isinstance(e, errors.UserError) else why(e)
  return kind(f'{what}{given}: {said}')


def why(e: BaseException) -> str:
  """Returns what an error says, in one short line."""
  first = ' '.join(errors.text(e).split())
  if len(first) > 160:
    first = f'{first[:157]}...'
  return f'{type(e).__name__}: {first}' if first else type(e).__name__


def shown(given: Any, most: int = _SHOWN, *, quoted: bool = True) -> str:
  """Returns a value as it is shown in an error, cut where it is long.

  Args:
    given: The value.
    most: Characters.
    quoted: Whether a text stands in quotes.
  """
  try:
    text = repr(given) if quoted else str(given)
  except Exception:  # an int of thousands of digits, for one
    text = f'a {type(given).__name__} that cannot be shown'
  return text if len(text) <= most else f'{text[: most - 3]}...'


@functools.lru_cache(maxsize=256)
def _signature(
  function: Callable[..., Any],
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Returns annotations and defaults by argument, as far as there are any."""
  inner: Any = function
  while isinstance(inner, functools.partial):
    inner = inner.func
  plain_class = isinstance(inner, type) and not dataclasses.is_dataclass(inner)
  try:
    annotated = typing.get_type_hints(
      inner.__init__ if plain_class else inner, include_extras=True
    )
    parameters = inspect.signature(function).parameters
  except (AttributeError, NameError, TypeError, ValueError):
    return {}, {}  # of Python's own, or of names that are not there
  named = {
    key: parameter
    for key, parameter in parameters.items()
    if parameter.kind
    in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
  }
  return (
    {key: annotated[key] for key in named if key in annotated},
    {key: parameter.default for key, parameter in named.items()},
  )
