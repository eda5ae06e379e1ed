"""Keys, ties and what is refused when a tree is compiled."""

import collections
import dataclasses
import functools

import numpy as np
import pytest

from effnas import errors
from effnas import space as sp


@dataclasses.dataclass(frozen=True)
class Op:
  kernel: object = 3
  note: str = ''


Pair = collections.namedtuple('Pair', 'left right')


def test_keys_are_paths():
  space = sp.Space(
    {
      'model': [Op(sp.oneof(3, 5)), Op(1)],
      'pair': Pair(left=(sp.oneof(1, 2),), right=3),
      'late': sp.lazy(Op, kernel=sp.oneof(1, 2)),
      'optim': {'lr': sp.loguniform(1e-4, 1e-1)},
    }
  )
  assert list(space.decisions) == [
    'model.0.kernel',
    'pair.left.0',
    'late.kernel',
    'optim.lr',
  ]
  built = space.build(
    {'model.0.kernel': 5, 'pair.left.0': 1, 'late.kernel': 2, 'optim.lr': 1e-3}
  )
  assert built['model'] == (Op(5), Op(1))
  assert built['pair'] == Pair((1,), 3)
  assert type(built['pair']) is Pair
  assert built['late'] == Op(2)
  assert dict(built['optim']) == {'lr': 1e-3}


def test_inner_choices_stand_under_the_label():
  def option():
    return Op(kernel=sp.oneof(3, 5))

  space = sp.Space({'op': sp.oneof('skip', option(), option())})
  assert list(space.decisions) == ['op', 'op.Op.kernel', 'op.Op_1.kernel']
  assert list(space.grid()) == [
    {'op': 'skip'},
    {'op': 'Op', 'op.Op.kernel': 3},
    {'op': 'Op', 'op.Op.kernel': 5},
    {'op': 'Op_1', 'op.Op_1.kernel': 3},
    {'op': 'Op_1', 'op.Op_1.kernel': 5},
  ]


def test_a_choice_may_be_an_option():
  space = sp.Space({'a': sp.oneof(0, sp.oneof(1, 2))})
  assert list(space.grid())[1:] == [
    {'a': 'OneOf', 'a.OneOf': 1},
    {'a': 'OneOf', 'a.OneOf': 2},
  ]
  assert space.build({'a': 'OneOf', 'a.OneOf': 2})['a'] == 2


def test_keys_below_a_name_stand_under_the_name():
  def block():
    return sp.oneof('skip', Op(kernel=sp.oneof(3, 5)), name='block')

  space = sp.Space([block(), block()])  # other objects, equal options
  assert list(space.decisions) == ['block', 'block.Op.kernel']
  assert space.size == 3
  built = space.build({'block': 'Op', 'block.Op.kernel': 5})
  assert built == (Op(5), Op(5))


def test_a_name_is_one_decision_everywhere():
  kernel = sp.oneof(3, 5, name='kernel')
  space = sp.Space({'a': Op(kernel), 'b': {'c': [kernel, kernel]}})
  assert list(space.decisions) == ['kernel']
  assert space.size == 2
  built = space.build({'kernel': 5})
  assert built['a'].kernel == 5
  assert built['b']['c'] == (5, 5)


@pytest.mark.parametrize(
  ('a', 'b'),
  [
    (lambda: sp.oneof(3, 5, name='k'), lambda: sp.oneof(3, 7, name='k')),
    (lambda: sp.oneof(0, 1, name='k'), lambda: sp.oneof(0, True, name='k')),
    (lambda: sp.oneof(1, 2, name='k'), lambda: sp.intrange(1, 2, name='k')),
    (
      lambda: sp.oneof(Op(1), name='k'),
      lambda: sp.oneof(Op(2), name='k'),
    ),
    (
      lambda: sp.oneof(Op(sp.oneof(1, 2)), name='k'),
      lambda: sp.oneof(Op(sp.oneof(1, 3)), name='k'),
    ),
  ],
)
def test_one_name_with_different_options_is_refused(a, b):
  sp.Space([a(), a()])
  with pytest.raises(errors.UserError, match='equal options'):
    sp.Space([a(), b()])


def test_equal_labels_tie_different_options():
  def width(*options, labels=(0.5, 1.0)):
    return sp.oneof(*options, name='width', labels=labels)

  tree = {
    'a': Op(width(8, 16)),
    'times': sp.repeat('x', width(1, 2)),
    'b': sp.oneof('none', {'c': width(None, max)}),
  }
  space = sp.Space(tree)
  assert list(space.decisions) == ['width', 'b']
  assert space.size == len(list(space.grid())) == 4
  built = space.build({'width': 1.0, 'b': '{c: OneOf}'})
  assert built['a'] == Op(16)
  assert built['times'] == ('x', 'x')
  assert built['b']['c'] is max
  assert space.build({'width': 0.5, 'b': 'none'})['times'] == ('x',)
  arch = {'width': 0.5, 'b': 'none'}
  assert space.decode(space.encode(arch)) == arch
  for other in (
    width(24, 32, labels=(0.5, 1)),  # another value than 1.0
    width(24, 32, labels=('small', 'large')),
    width(24, 32, 48, labels=(0.5, 1.0, 2.0)),
    sp.oneof(0.5, 1.0, name='width'),
  ):
    with pytest.raises(errors.UserError, match='equal labels='):
      sp.Space([width(8, 16), other])


def test_choices_below_tied_options_keep_their_keys_apart():
  def tied(*options):
    return sp.oneof(*options, name='k', labels=('a', 'b'))

  with pytest.raises(errors.UserError, match='equal options'):
    sp.Space([tied(Op(sp.oneof(1, 2)), 3), tied(Op(sp.oneof(1, 3)), 3)])


def test_one_unnamed_choice_at_two_paths_is_refused():
  kernel = sp.oneof(3, 5)
  with pytest.raises(errors.UserError) as caught:
    sp.Space({'a': Op(kernel), 'b': [Op(kernel)]})
  for word in ("'a.kernel'", "'b.0.kernel'", 'name=', 'oneof(3, 5)'):
    assert word in str(caught.value)
  # A class default is one object too; so are two options of one choice.
  with pytest.raises(errors.UserError, match='stands at'):
    sp.Space(sp.oneof(Op(kernel), Op(kernel)))
  with pytest.raises(errors.UserError, match='stands at'):
    sp.Space([Op(kernel)] * 2)


def test_a_name_that_is_also_a_path_is_refused():
  with pytest.raises(errors.UserError, match="have the key 'a'"):
    sp.Space({'a': sp.oneof(1, 2), 'b': sp.oneof(1, 2, name='a')})


@pytest.mark.parametrize('key', ['a.b', 3, ''])
def test_dict_keys_must_make_paths(key):
  with pytest.raises(errors.UserError, match='strings without dots'):
    sp.Space({'x': {key: [sp.oneof(1, 2)]}})
  assert sp.Space({'x': {key: [1]}}).build({})['x'][key] == (1,)


@pytest.mark.parametrize('wrap', [lambda c: functools.partial(max, c), set])
def test_a_choice_where_no_path_leads_is_refused(wrap):
  with pytest.raises(errors.UserError, match=r"at 'a' hides oneof\(1, 2\)"):
    sp.Space({'a': wrap([sp.oneof(1, 2)])})
  sp.Space({'a': wrap([3]), 'b': sp.oneof(functools.partial(max, 1), max)})


def test_repeat_keys_of_own_layers():
  space = sp.Space({'s': sp.repeat(Op(sp.oneof(3, 5)), sp.oneof(1, 3))})
  assert list(space.decisions) == [
    's.times',
    's.0.kernel',
    's.1.kernel',
    's.2.kernel',
  ]
  assert space.size == 2 + 8
  arch = {'s.times': 3, 's.0.kernel': 3, 's.1.kernel': 5, 's.2.kernel': 3}
  assert space.build(arch)['s'] == (Op(3), Op(5), Op(3))


def test_repeat_keys_of_shared_layers():
  space = sp.Space(
    {'s': sp.repeat(Op(sp.oneof(3, 5)), sp.intrange(0, 2), True)}
  )
  assert list(space.decisions) == ['s.times', 's.body.kernel']
  assert list(space.grid())[:2] == [
    {'s.times': 0},
    {'s.times': 1, 's.body.kernel': 3},
  ]
  assert space.size == 1 + 2 + 2
  assert space.build({'s.times': 2, 's.body.kernel': 5})['s'] == (Op(5), Op(5))
  assert space.build({'s.times': 0})['s'] == ()


def test_named_times_tie_the_depths():
  depth = sp.oneof(1, 2, name='depth')
  space = sp.Space([sp.repeat(sp.oneof(3, 5), depth), sp.repeat(0, depth)])
  assert space.size == 2 + 4
  assert space.build({'depth': 2, '0.0': 3, '0.1': 5}) == ((3, 5), (0, 0))


def test_sampling_constructs_nothing():
  made = []

  @dataclasses.dataclass
  class Counted:
    width: object

    def __post_init__(self):
      made.append(self.width)

  def late():
    return sp.lazy(Counted, width=1)

  tree = {'a': Counted(sp.oneof(1, 2)), 'b': sp.oneof(late(), 0), 'c': late()}
  made.clear()
  space = sp.Space(tree)
  rng = np.random.default_rng(0)
  arch = space.sample(rng)
  arch = space.crossover(space.mutate(arch, rng), arch, rng)
  space.decode(space.encode(arch))
  assert space.size == 4
  assert len(list(space.grid())) == 4
  assert not made
  space.build({'a.width': 2, 'b': 'Counted'})
  assert made == [2, 1, 1]
