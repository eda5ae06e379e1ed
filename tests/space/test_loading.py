"""Spaces by name, and constructors that compute with choices."""

import dataclasses
import sys
import types

from flax import linen
import pytest

from effnas import errors
from effnas import space as sp


class Wide(linen.Module):
  features: int = 4
  hidden: int | None = None

  def __post_init__(self):
    if self.hidden is None:
      self.hidden = self._times_four()
    super().__post_init__()

  def _times_four(self):
    return self.features * 4

  @linen.compact
  def __call__(self, x):
    return linen.Dense(self.hidden)(x)


@dataclasses.dataclass
class Checked:
  kernel: int
  widths: tuple = ()

  def __post_init__(self):
    if self.kernel not in (3, 5):
      raise ValueError(f'kernel must be 3 or 5,\ngot {self.kernel}')
    self.total = sum(self.widths)


class Handmade:
  def __init__(self, width):
    self.width = int(width)


@pytest.mark.parametrize(
  ('make', 'words'),
  [
    (
      lambda: Wide(sp.oneof(4, 8)),
      ['Wide.features', 'oneof(4, 8)', 'lazy(Wide, features=...)'],
    ),
    (
      lambda: Checked(3, [1, sp.oneof(4, 8)]),
      ['Checked.widths', 'lazy(Checked, widths=...)'],
    ),
    (
      lambda: Checked(sp.oneof(3, 5)),
      ['Checked.kernel', 'lazy(Checked, kernel=...)'],
    ),
    (
      lambda: Handmade(sp.oneof(3, 5)),
      ['Handmade.width', 'lazy(Handmade, width=...)'],
    ),
    (lambda: sp.oneof(8, 16) * 2, ['oneof(8, 16)', 'lazy(Class, field=...)']),
  ],
)
def test_arithmetic_on_a_choice_is_explained(make, words):
  with pytest.raises(errors.UserError) as caught:
    make()
  assert '\n' not in str(caught.value)
  for word in words:
    assert word in str(caught.value)


@pytest.mark.parametrize(
  'compute',
  [
    lambda c: c + 1,
    lambda c: 2 * c,
    lambda c: c // 2,
    lambda c: -c,
    bool,
    len,
    list,
    lambda c: c[0],
    lambda c: [1, 2][c],
    lambda c: c < 3,
    lambda c: 3 in c,
    float,
    round,
    range,
  ],
)
def test_every_computation_is_refused(compute):
  for held in (
    sp.oneof(1, 2),
    sp.intrange(1, 2),
    sp.loguniform(1, 2),
    sp.repeat(1, 2),
    sp.lazy(Wide),
  ):
    with pytest.raises(errors.UserError, match='lazy'):
      compute(held)


def test_lazy_defers_the_construction():
  space = sp.Space({'m': sp.lazy(Wide, features=sp.oneof(4, 8))})
  assert list(space.decisions) == ['m.features']
  built = space.build({'m.features': 8})['m']
  assert built == Wide(8, parent=None)
  assert built.hidden == 32
  assert built.parent is None
  layers = sp.repeat(linen.Dense(4), sp.oneof(1, 2))
  space = sp.Space(sp.lazy(linen.Sequential, layers=layers))
  assert len(space.build({'layers.times': 2}).layers) == 2


def test_lazy_checks_its_fields():
  with pytest.raises(errors.UserError, match="did you mean 'features'"):
    sp.lazy(Wide, feature=3)
  with pytest.raises(errors.UserError, match="needs the argument 'kernel'"):
    sp.lazy(Checked)


def test_an_unbuilt_module_says_so():
  net = linen.Sequential([Wide(4, hidden=sp.oneof(8, 16))])
  with pytest.raises(errors.UserError, match='build'):
    _double(net.layers[0])


def _double(wide):
  return wide.hidden * 2


def test_declare_explains_other_failures():
  def sequential():
    return linen.Sequential(sp.oneof([linen.relu], [linen.gelu], linen.relu))

  with pytest.raises(errors.UserError) as caught:
    sp.declare(sequential)
  for word in (
    'Sequential.layers holds oneof(',
    "'layers' must be a sequence",
    'lazy(Sequential, layers=...)',
  ):
    assert word in str(caught.value)
  with pytest.raises(errors.UserError, match=r'Wide\.features'):
    sp.declare(lambda: Wide(sp.oneof(4, 8)))


def test_declare_passes_on_what_is_no_choice_s_fault():
  said = 'the space .*: ValueError: kernel must be 3 or 5, got 4'
  with pytest.raises(errors.UserError, match=said):
    sp.declare(lambda: [sp.oneof(1, 2), Checked(4)])
  kernel = sp.oneof(3, 5)
  # Raised inside of Space, which holds choices by design.
  with pytest.raises(errors.UserError, match=': one unnamed choice'):
    sp.declare(lambda: sp.Space([kernel, kernel]))


def test_declare_takes_a_space_or_a_tree():
  assert sp.declare(lambda: {'a': sp.oneof(1, 2)}).size == 2
  space = sp.Space({'a': sp.oneof(1, 2)})
  assert sp.declare(lambda: space) is space
  with pytest.raises(errors.UserError, match='returned None'):
    sp.declare(lambda: None)


@pytest.fixture
def module(monkeypatch):
  found = types.ModuleType('their_spaces')

  def space(classes, width=(8, 16)):
    return {'classes': classes, 'width': sp.oneof(*width)}

  found.space = space
  found.other = 3
  monkeypatch.setitem(sys.modules, 'their_spaces', found)


@pytest.mark.usefixtures('module')
def test_what_a_space_function_raises_is_told_with_its_arguments():
  def space(kernel=3, widths: list[int] | None = None):
    return sp.oneof(*widths) if widths else 1 // (3 - kernel)

  sys.modules['their_spaces'].space = space
  said = (
    r"^the space 'theirs' with \{'kernel': 3\}: ZeroDivisionError: integer "
    'division or modulo by zero$'
  )
  with pytest.raises(errors.UserError, match=said) as caught:
    sp.load_as('their_spaces:space', 'theirs', {'kernel': 3})
  assert isinstance(caught.value.__cause__, ZeroDivisionError)
  with pytest.raises(
    errors.UserError,
    match=r"^the space 'theirs' with \{'widths': \[1, 1\]\}: the options of ",
  ):
    sp.load_as('their_spaces:space', 'theirs', {'widths': [1, 1]})
  with pytest.raises(errors.UserError, match=r'widths\[1\] must be a whole'):
    sp.load('their_spaces:space', widths=[1, 'a'])


@pytest.mark.usefixtures('module')
def test_load_by_name():
  space = sp.load('their_spaces:space', classes=10, width=[1, 2, 3])
  assert space.size == 3
  assert space.build({'width': 2})['classes'] == 10


@pytest.mark.usefixtures('module')
@pytest.mark.parametrize(
  ('name', 'arguments', 'said'),
  [
    ('their_spaces', {}, "'module:function'"),
    ('no_such_module:space', {}, "unknown module 'no_such_module'"),
    ('json.no_such:space', {}, "unknown module 'json.no_such'"),
    ('their_spaces:spice', {}, "did you mean 'space'"),
    ('their_spaces:other', {}, 'known: space'),
    ('their_spaces:space', {'clases': 3}, "did you mean 'classes'"),
    ('their_spaces:space', {}, "needs the argument 'classes'"),
  ],
)
def test_load_names_what_is_wrong(name, arguments, said):
  with pytest.raises(errors.UserError, match=said) as caught:
    sp.load(name, **arguments)
  assert '\n' not in str(caught.value)


@pytest.mark.parametrize('body', ['1 / 0', 'def space(:', 'raise Exception'])
def test_a_module_that_cannot_be_imported_is_one_line(
  tmp_path, monkeypatch, body
):
  name = f'broken{abs(hash(body))}'
  (tmp_path / f'{name}.py').write_text(f'{body}\n')
  monkeypatch.syspath_prepend(str(tmp_path))
  with pytest.raises(errors.UserError, match='cannot be imported: ') as caught:
    sp.load(f'{name}:space')
  assert '\n' not in str(caught.value)


def test_a_module_that_lacks_another_is_told_apart(tmp_path, monkeypatch):
  (tmp_path / 'lacking.py').write_text('import no_such_thing\n')
  monkeypatch.syspath_prepend(str(tmp_path))
  with pytest.raises(errors.UserError, match="needs the module 'no_such_thing"):
    sp.load('lacking:space')
