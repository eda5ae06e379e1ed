from flax import linen
import numpy as np
import pytest

from effnas import errors, space, zoo


@pytest.mark.parametrize('name', sorted(set(zoo.spaces()) - {'published'}))
def test_what_was_built_is_found_again(name):
  spaced = space.load(zoo.spaces()[name])
  rng = np.random.default_rng(0)
  for _ in range(3):
    built = spaced.build(spaced.sample(rng))
    found = spaced.locate(built)
    assert found is not None
    assert spaced.build(found) == built


@pytest.mark.parametrize(
  ('name', 'network'),
  [
    ('mobilenet_v2', 'mobilenet_v2_050'),
    ('mobilenet_v3', 'mobilenet_v3_large'),
    ('darts', 'darts_v2_cifar'),
    ('once_for_all', 'once_for_all_100_largest'),
    ('survey_cnn', 'survey_cnn_025'),
  ],
)
def test_published_networks_are_points(name, network):
  spaced = space.load(zoo.spaces()[name])
  model = zoo.load(network).build()
  found = spaced.locate(model, 'model')
  rng = np.random.default_rng(0)
  whole = spaced.walk(lambda key, c: found.get(key, c.sample(rng)))
  assert spaced.build(whole)['model'] == model


def test_a_tie_is_one_decision():
  tied = space.Space(
    (space.oneof(1, 2, name='k'), [space.oneof(1, 2, name='k')])
  )
  assert tied.locate((2, (2,))) == {'k': 2}
  assert tied.locate((1, (2,))) is None


def test_the_first_option_that_fits_all_is_taken():
  # Both options can be 3; only the second goes with the tie.
  spaced = space.Space(
    (
      space.oneof(space.oneof(3, 4), space.oneof(3, 5), labels=('a', 'b')),
      space.oneof(1, 2),
    )
  )
  assert spaced.locate((3, 1)) == {'0': 'a', '0.a': 3, '1': 1}
  assert spaced.locate((5, 2)) == {'0': 'b', '0.b': 5, '1': 2}
  assert spaced.locate((6, 2)) is None


def test_ranges_layers_and_delayed_construction():
  spaced = space.Space(
    {
      'lr': space.loguniform(1e-3, 1e-1),
      'layers': space.repeat(space.oneof(16, 32), space.oneof(1, 2)),
      'waits': space.lazy(linen.Dense, features=space.oneof(3, 5)),
    }
  )
  arch = {
    'lr': 0.01,
    'layers.times': 2,
    'layers.0': 16,
    'layers.1': 32,
    'waits.features': 5,
  }
  assert spaced.locate(spaced.build(arch)) == arch
  assert spaced.locate({**spaced.build(arch), 'lr': 1.0}) is None
  assert spaced.locate({**spaced.build(arch), 'layers': (16, 16, 16)}) is None


def test_true_and_one_are_two_options():
  spaced = space.Space((space.oneof(True, 1),))
  assert spaced.locate((1,)) == {'0': 1}
  assert spaced.locate((True,))['0'] is True


def test_an_unknown_part_is_told():
  with pytest.raises(errors.UserError, match="did you mean 'model'"):
    space.Space({'model': space.oneof(1, 2)}).locate(1, 'mdel')
