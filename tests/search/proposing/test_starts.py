import pytest
import toy_search

from effnas import errors, search, space, zoo
from effnas.search.proposing import starts


def _space():
  return space.load(zoo.spaces()['survey_cnn'], classes=7)


def test_a_published_network_becomes_its_point():
  spaced = _space()
  [found] = starts.resolve(['survey_cnn_025'], spaced, 0, {'classes': 7})
  spaced.check(found)
  built = zoo.load('survey_cnn_025').build(classes=7)
  assert spaced.build(found)['model'] == built


def test_a_network_has_its_own_width_where_the_space_chooses_one():
  widths, shared = (0.35, 1.0), {'classes': 10, 'stem_stride': 1}
  spaced = space.load(zoo.spaces()['mobilenet_v2'], width=widths, **shared)
  [found] = starts.resolve(
    ['mobilenet_v2_035'], spaced, 0, {'width': widths, **shared}
  )
  assert found['width'] == 0.35
  built = zoo.load('mobilenet_v2_035').build(**shared)
  assert spaced.build(found)['model'] == built


def test_a_network_of_other_classes_is_no_point():
  with pytest.raises(errors.UserError, match=r'classes=10 is no point'):
    starts.resolve(['survey_cnn_025'], _space(), 0, {'classes': 10})


def test_what_is_left_out_is_drawn_from_the_seed():
  mixed = space.Space({'a': space.uniform(0, 1), 'b': space.oneof(1, 2)})
  one = starts.resolve([{'b': 2}, {'b': 2}], mixed, 0)
  assert one == starts.resolve([{'b': 2}, {'b': 2}], mixed, 0)
  assert one[0]['a'] != one[1]['a']
  assert one[0]['b'] == 2
  assert one != starts.resolve([{'b': 2}, {'b': 2}], mixed, 1)


@pytest.mark.parametrize(
  ('given', 'said'),
  [
    ([5], r'start_with\[0\] must be an architecture or the name'),
    ([{}, {'b': 3}], r"start_with\[1\]: 'b' is 3; it must be in oneof\(1, 2\)"),
    ([{'bb': 3}], "did you mean 'b'"),
    (['mobilenet'], 'unknown network'),
  ],
)
def test_what_is_no_start_is_told(given, said):
  mixed = space.Space({'a': space.uniform(0, 1), 'b': space.oneof(1, 2)})
  with pytest.raises(errors.UserError, match=said):
    starts.resolve(given, mixed, 0)


def test_an_inactive_decision_is_told():
  nested = space.Space((space.oneof(space.oneof(1, 2), 3, labels=('a', 'b')),))
  with pytest.raises(errors.UserError, match='not active'):
    starts.resolve([{'0': 'b', '0.a': 1}], nested, 0)


def _run(path, first, concurrency=1, constraints=()):
  problem = toy_search.problem(constraints, starts=first)
  config = toy_search.config(concurrency=concurrency)
  return search.run(
    config, path, evaluate='toy_search:evaluate', problem=problem
  )


@pytest.mark.parametrize('concurrency', [1, 3])
def test_they_come_first_and_the_sampler_after(tmp_path, concurrency):
  first = [dict.fromkeys(toy_search.Space().keys, i) for i in (3, 5)]
  trials = _run(tmp_path, first, concurrency)
  assert [t.arch for t in trials[:2]] == first
  assert len({str(t.arch) for t in trials}) == 12


def test_a_start_that_breaks_a_constraint_ends_the_search(tmp_path):
  first = [dict.fromkeys(toy_search.Space().keys, 7)]
  with pytest.raises(errors.UserError, match='number 0 has params 148'):
    _run(tmp_path / 'w', first, constraints={'params': 100})
  assert not (tmp_path / 'w').exists()
