"""Follows the channels of a network through its program.

Reference:
  Fang et al., 2023, DepGraph: Towards Any Structural Pruning,
  https://arxiv.org/abs/2301.12900 (coupled parameters found from the program,
  there from its gradient's graph)
"""

from collections.abc import Callable, Iterable, Sequence
import dataclasses
from typing import Any

import numpy as np

from effnas import jaxprs
from effnas.compress.structured import atoms as atoms_lib
from effnas.compress.structured import axes as axes_lib
from effnas.compress.structured import layout, meeting, normalised, products

Axes = axes_lib.Axes

_RULES: dict[str, Callable[[Any, Any, Sequence[Axes]], Any]] = {
  **dict.fromkeys(meeting.ELEMENTWISE, meeting.elementwise),
  **dict.fromkeys(meeting.REDUCTIONS, meeting.reduction),
  **dict.fromkeys(meeting.ALONG, meeting.along),
  **dict.fromkeys(meeting.WINDOWS, meeting.window),
  'broadcast_in_dim': layout.broadcast_in_dim,
  'concatenate': layout.concatenate,
  'conv_general_dilated': products.conv_general_dilated,
  'dot_general': products.dot_general,
  'dynamic_slice': layout.dynamic_slice,
  'gather': layout.gather,
  normalised.PRIMITIVE: meeting.normalise,
  'pad': layout.pad,
  'reshape': layout.reshape,
  'slice': layout.slice_,
  'split': layout.split,
  'squeeze': layout.squeeze,
  'transpose': layout.transpose,
}


@dataclasses.dataclass(frozen=True)
class Step:
  """An operation as it is compared with that of the smaller network.

  Attributes:
    primitive: Its name.
    where: Path of its module.
    outs: Axes of its results.
    literals: Numbers that stand in it.
  """

  primitive: str
  where: str
  outs: tuple[Axes, ...]
  literals: tuple[Any, ...]


class Walk:
  """Follows values through nested jaxprs and joins their units.

  Attributes:
    atoms: All units.
    steps: The operations, calls entered, but for custom derivatives.
    normalised: Path of a layer normalisation -> what it normalises.
  """

  def __init__(self):
    self.atoms = atoms_lib.Atoms()
    self.steps: list[Step] = []
    self.normalised: dict[str, Axes] = {}
    self._where: tuple[str, ...] = ()
    self._hidden = 0
    self._cuts: dict[Any, list[tuple[int, int, int]]] = {}

  def pin(self, labels: Iterable[np.ndarray], why: str) -> None:
    """Forbids to cut units, with the operation and where it stands."""
    for atoms in labels:
      self.atoms.pin(atoms, f'{why} at {"/".join(self._where) or "the top"}')

  def parts(self, var: Any, axis: int) -> list[tuple[int, int]]:
    """Returns the parts of one axis that a program takes of a value."""
    taken = self._cuts.get(var, [])
    return sorted({(start, limit) for a, start, limit in taken if a == axis})

  def body(self, jaxpr: Any, inputs: Sequence[Axes]) -> list[Axes]:
    """Walks one jaxpr, closed or open, and returns its outputs."""
    program = jaxprs.read(jaxpr)
    env = dict(zip(program.inputs, inputs, strict=True))
    for var, value in program.constants:
      known = np.shape(value) == () and value is not None
      env[var] = _constant(var.aval, value if known else None)
    for eqn in program.equations:
      self._note_cuts(eqn)

    def read(v):
      return _constant(v.aval, v.val) if jaxprs.is_literal(v) else env[v]

    outer = self._where
    for eqn in program.equations:
      self._where = outer + jaxprs.scopes(eqn)
      outs = self._eqn(eqn, [read(v) for v in eqn.invars])
      env.update(zip(eqn.outvars, outs, strict=True))
    self._where = outer
    return [read(v) for v in program.outputs]

  def _note_cuts(self, eqn):
    if eqn.primitive.name == 'slice' and not eqn.params['strides']:
      starts, limits = (eqn.params[f'{e}_indices'] for e in ('start', 'limit'))
      shape = eqn.invars[0].aval.shape
      cut = [
        (axis, start, limit)
        for axis, (start, limit) in enumerate(zip(starts, limits, strict=True))
        if (start, limit) != (0, shape[axis])
      ]
      if len(cut) == 1 and not jaxprs.is_literal(eqn.invars[0]):
        self._cuts.setdefault(eqn.invars[0], []).extend(cut)

  def _eqn(self, eqn, ins):
    name = eqn.primitive.name
    inner = jaxprs.called(eqn)
    if inner is not None:
      hides = name.startswith('custom_vjp')
      self._hidden += hides
      outs = self.body(inner, ins)
      self._hidden -= hides
      if hides:
        self._step(eqn, outs)
      return outs
    if jaxprs.by_platform(eqn):
      (usual,) = jaxprs.branches(eqn)
      return self.body(usual, ins[1:])
    scan = jaxprs.scan(eqn)
    outs = self._scan(scan, ins) if scan else self._plain(eqn, ins)
    self._step(eqn, outs)
    return outs

  def _step(self, eqn, outs):
    if not self._hidden:
      where = '/'.join(self._where)
      self.steps.append(Step(title(eqn), where, tuple(outs), literals(eqn)))

  def _plain(self, eqn, ins):
    shapes = [tuple(getattr(v.aval, 'shape', ())) for v in eqn.outvars]
    if not any(x.units for x in ins) and eqn.primitive.name not in _RULES:
      return [Axes(shape) for shape in shapes]
    rule = _RULES.get(eqn.primitive.name)
    if rule is None:
      for x in ins:
        self.pin(x.labels(), f'{eqn.primitive.name}, which is not followed,')
      return [Axes(shape) for shape in shapes]
    outs = rule(self, eqn, ins)
    weight = all(x.weight for x in ins)
    return [
      dataclasses.replace(x, weight=weight)
      for x in (outs if isinstance(outs, list) else [outs])
    ]

  def _scan(self, scan, ins):
    """Follows a loop until nothing more is joined in its carry."""
    consts, carries = scan.consts, scan.carries
    carry = ins[consts : consts + carries]
    xs = []
    for stacked in ins[consts + carries :]:
      x = axes_lib.heads(self.atoms, stacked, 0)
      self.pin([v for k, v in x.units.items() if 0 in k], 'a loop over it')
      units = {k: v for k, v in x.units.items() if 0 not in k}
      rest = {axis: axis - 1 for axis in range(1, len(x.shape))}
      x = dataclasses.replace(x, units=units)
      xs.append(axes_lib.moved(x, rest, x.shape[1:]))
    self._hidden += 1
    for _ in range(2):
      outs = self.body(scan.body, [*ins[:consts], *carry, *xs])
      carry = [
        self._carried(a, b) for a, b in zip(carry, outs[:carries], strict=True)
      ]
    self._hidden -= 1
    ys = [
      axes_lib.moved(
        x, {i: i + 1 for i in range(len(x.shape))}, (scan.length, *x.shape)
      )
      for x in outs[carries:]
    ]
    return [*carry, *(_unfree(x, 0) for x in ys)]

  def _carried(self, before, after):
    if before.value == 0:  # zeros to begin with: as the sum that follows
      return dataclasses.replace(after, value=None)
    return meeting.meet(self, [before, after], after.shape)


def _unfree(x, axis):
  return dataclasses.replace(x, free=x.free - {axis})


def _constant(aval, value):
  shape = tuple(getattr(aval, 'shape', ()))
  try:
    value = None if value is None or np.shape(value) else float(value)
  except (TypeError, ValueError):
    value = None
  return Axes(shape, zero=value == 0, value=value, weight=True)


def title(eqn: Any) -> str:
  """Returns the name of an operation, to compare two programs by.

  A convolution has one whether or not it has derivatives of its own, which
  depends on its channels.
  """
  name = eqn.primitive.name
  if not name.startswith('custom_vjp'):
    return name
  for below in jaxprs.read(jaxprs.called(eqn)).equations:
    if jaxprs.by_platform(below):
      eqns = jaxprs.read(*jaxprs.branches(below)).equations
      return eqns[0].primitive.name if len(eqns) == 1 else name
    if below.primitive.name == 'conv_general_dilated':
      return 'conv_general_dilated'
  return name


def literals(eqn: Any) -> tuple[Any, ...]:
  """Returns the numbers that stand in an equation, its padding among them."""
  return (
    *(np.asarray(v.val).tolist() for v in eqn.invars if jaxprs.is_literal(v)),
    *eqn.params.get('padding_config', ()),
  )
