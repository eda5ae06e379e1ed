"""How a layer's numbers become codes: the settings beside the bits."""

from collections.abc import Mapping
import dataclasses

from effnas import errors

FLOAT = 32
# The collection that holds what `effnas.quant.convert` adds to the kernels.
COLLECTION = 'quant'
RANGES = 'ranges'  # That of static ranges.
# Codes that are not consecutive integers, and the bits that each takes.
WIDTHS = {'binary': 1, 'ternary': 2, 'e4m3': 8, 'e5m2': 8}
FLOAT8 = ('e4m3', 'e5m2')
_BITS = range(1, 9)
_SIDES = ('none', 'weights', 'activations', 'both')
_RANGES = ('dynamic', 'static')


@dataclasses.dataclass(frozen=True)
class Scheme:
  """All but the bits of a quantized layer.

  Attributes:
    weights: Codes of the kernel: 'integer', 'ternary', 'binary', 'e4m3' or
      'e5m2'.
    activations: Codes of the input: 'integer', 'e4m3' or 'e5m2'.
    scales: What shares a scale in the kernel: 'channel' (an output channel),
      'tensor', or so many consecutive weights of an output channel.
    zero_point: Whose codes are asymmetric: 'none', 'weights', 'activations' or
      'both'.
    ranges: Of the inputs: 'dynamic' or 'static'.
    learned: Whether steps are parameters.
  """

  weights: str = 'integer'
  activations: str = 'integer'
  scales: str | int = 'channel'
  zero_point: str = 'none'
  ranges: str = 'dynamic'
  learned: bool = False

  def asymmetric(self, side: str) -> bool:
    """Says whether the codes of 'weights' or of 'activations' are."""
    return self.zero_point in (side, 'both')


DEFAULT = Scheme()


def make(
  weights: int | str,
  activations: int | str,
  scales: str | int,
  zero_point: str,
  ranges: str,
  learned: bool,
) -> tuple[int, int, Scheme]:
  """Checks settings.

  Args:
    weights: As in `effnas.quant.rules`, and so are the others.
    activations: Likewise.
    scales: Likewise.
    zero_point: Likewise.
    ranges: Likewise.
    learned: Likewise.

  Returns:
    Bits of the weights, bits of the activations, and all else.

  Raises:
    UserError: A setting is unknown, or does not go with another.

  Example:
    >>> make('ternary', 8, 'tensor', 'none', 'dynamic', False)[:2]
    (2, 8)
  """
  bits, codes = _codes('weights', weights, WIDTHS)
  input_bits, input_codes = _codes('activations', activations, FLOAT8)
  if scales not in ('channel', 'tensor') and not _count(scales):
    raise errors.UserError(
      "quant.scales is 'channel', 'tensor' or the weights of a group, above 0; "
      f'got {scales!r}'
    )
  _one_of('zero_point', zero_point, _SIDES)
  _one_of('ranges', ranges, _RANGES)
  scheme = Scheme(codes, input_codes, scales, zero_point, ranges, bool(learned))
  for side, its in (('weights', codes), ('activations', input_codes)):
    if scheme.asymmetric(side) and its != 'integer':
      raise errors.UserError(
        f'a zero point is for integer codes; got zero_point={zero_point!r} and '
        f'{side}={its!r}'
      )
  if learned:
    _check_learned(bits, input_bits, scheme)
  return bits, input_bits, scheme


def _codes(
  side: str, value: int | str, names: Mapping[str, int] | tuple[str, ...]
) -> tuple[int, str]:
  if isinstance(value, str) and value in names:
    return WIDTHS[value], value
  if not _count(value) or (value not in _BITS and value != FLOAT):
    raise errors.UserError(
      f'quant.{side} is 1 to 8 bits, {FLOAT} for float, or one of '
      f'{", ".join(names)}; got {value!r}'
    )
  return int(value), 'integer'


def _count(value: object) -> bool:
  return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _one_of(name, value, known):
  if value not in known:
    raise errors.UserError(
      f'quant.{name} is one of {", ".join(known)}; got {value!r}'
    )


def _check_learned(bits, input_bits, scheme):
  if bits == FLOAT:  # The layer stays in float.
    return
  for side, width, codes in (
    ('weights', bits, scheme.weights),
    ('activations', input_bits, scheme.activations),
  ):
    if codes != 'integer' or width == 1:
      raise errors.UserError(
        'a learned step is for integers of 2 to 8 bits; got '
        f'{side}={codes if codes != "integer" else width!r}'
      )
  if scheme.asymmetric('weights'):
    raise errors.UserError(
      'learned steps of weights are symmetric; got zero_point='
      f'{scheme.zero_point!r}, take none or activations'
    )
  if scheme.ranges == 'static':
    raise errors.UserError(
      "learned steps stand in place of static ranges; take ranges='dynamic' or "
      'learned=False'
    )
