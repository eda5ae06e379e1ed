import dataclasses

import pytest

from effnas import errors
from effnas.search.networks import candidate
from effnas.strategy.guide import axes
from effnas.strategy.guide import point as point_lib


@pytest.fixture
def found(config):
  def find(space, widths=None, pretrained=False, **args):
    config.update(space=space, space_args=args)
    config['search']['start_with'] = (
      [{'model.width': 0.5, 'model.act': 'relu'}]
      if space.endswith('decided')
      else []
    )
    start = point_lib.start(config)
    start = dataclasses.replace(start, pretrained=pretrained)
    return axes.find(config, start, widths), start

  return find


@pytest.mark.parametrize(
  ('space', 'args', 'kind', 'smaller'),
  [
    ('guide_spaces:decided', {}, 'decision', (0.25,)),
    ('guide_spaces:argued', {}, 'argument', (0.25, 0.5, 0.75)),
    ('guide_spaces:argued', {'width': 2.0}, 'argument', (0.5, 1.0, 1.5)),
    (
      'published',
      {'name': 'survey_cnn_010'},
      'argument',
      (0.025, 0.05, 0.075),
    ),
    ('guide_spaces:plain', {}, 'remove', (0.5, 0.75)),
  ],
)
def test_a_width_is_found(found, space, args, kind, smaller):
  axis, start = found(space, **args)
  assert (axis.kind, axis.smaller(start)) == (kind, smaller)
  narrow = axis.at(start, smaller[0])
  assert axis.now(narrow) == smaller[0]
  built = candidate.build({**narrow.config, **narrow.space()}, {})
  if kind == 'remove':
    assert [s.sparsity for s in built.recipe.steps] == [1 - smaller[0]]
  else:
    assert built.net.model.width == smaller[0]


def test_given_weights_are_cut(found):
  assert found('guide_spaces:argued', pretrained=True)[0].kind == 'remove'


def test_widths_can_be_named(found):
  axis, start = found('guide_spaces:argued', (0.3, 3.0))
  assert axis.values == (0.3, 1.0, 3.0)
  assert axis.larger(start) == (3.0,)
  with pytest.raises(errors.UserError, match='above 0'):
    found('guide_spaces:argued', (0.0,))


def test_another_width_is_not_trained(found):
  axis, start = found('guide_spaces:argued')
  start = dataclasses.replace(start, trained='weights')
  assert axis.at(start, 0.5).trained is None
  assert axis.at(start, 1.0).trained == 'weights'
