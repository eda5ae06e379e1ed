"""Labels beside points, each where it hides no other."""

from collections.abc import Mapping, Sequence
from typing import Any

# Offsets in points, as seen from the better corner; the best place first.
_SPOTS = ((4, 4), (0, 7), (7, 0), (-4, 4), (4, -4), (-4, -4), (0, -7))
_ACROSS = {1: 'left', 0: 'center', -1: 'right'}
_ALONG = {1: 'bottom', 0: 'center', -1: 'top'}


def labels(
  axes: Any,
  renderer: Any,
  texts: Mapping[tuple[float, float], str],
  color: str,
  corner: tuple[int, int],
) -> None:
  """Writes labels beside points; one that finds no free place is left out.

  Args:
    axes: Matplotlib axes whose layout is settled.
    renderer: What will draw the figure.
    texts: Point in data coordinates -> its label.
    color: Colour of the labels.
    corner: Where to look for room first: the signs of its x and y.
  """
  reach = 4 * axes.figure.dpi / 72
  taken = []
  for x, y in texts:
    u, v = axes.transData.transform((x, y))
    taken.append((u - reach, v - reach, u + reach, v + reach))
  legend = axes.get_legend()
  if legend:
    taken.append(legend.get_window_extent(renderer).extents)
  for spot, text in texts.items():
    for right, up in _SPOTS:
      dx, dy = right * corner[0], up * corner[1]
      label = axes.annotate(
        text,
        spot,
        xytext=(dx, dy),
        textcoords='offset points',
        ha=_ACROSS[_sign(dx)],
        va=_ALONG[_sign(dy)],
        fontsize=8.5,
        color=color,
        annotation_clip=False,
      )
      label.set_in_layout(False)
      box = label.get_window_extent(renderer).extents
      if not any(_overlap(box, other) for other in taken):
        taken.append(box)
        break
      label.remove()


def _overlap(a: Sequence[float], b: Sequence[float]) -> bool:
  """Whether two boxes (left, bottom, right, top) share any of the plane."""
  return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _sign(number: float) -> int:
  return (number > 0) - (number < 0)
