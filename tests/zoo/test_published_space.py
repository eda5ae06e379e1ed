"""The space of one published network."""

import numpy as np
import pytest

from effnas import errors, space, zoo

_SPACE = 'effnas.zoo.published:space'


def test_it_holds_the_named_network_and_no_choice():
  found = space.load(_SPACE, name='mobilenet_v2_035', classes=7)
  assert found.size == 1
  assert found.sample(np.random.default_rng(0)) == {}
  built = zoo.load('mobilenet_v2_035').build(classes=7)
  assert found.build({})['model'] == built


def test_lists_of_a_config_hash_as_fields_do():
  stages = [[1, 16, 1, 1], [6, 24, 1, 2]]
  found = space.load(_SPACE, name='mobilenet_v2', stages=stages)
  model = found.build({})['model']
  assert len(model.stages) == 2
  hash(model)


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ({'name': 'mobilnet_v2'}, "unknown network.*did you mean 'mobilenet_v2'"),
    ({'name': 'mobilenet_v2', 'clases': 3}, "'mobilenet_v2' with .*'clases'"),
  ],
)
def test_what_there_is_not_is_one_line(arguments, message):
  with pytest.raises(errors.UserError, match=message):
    space.load(_SPACE, **arguments)
