from effnas.report import archs


def test_numbered_parts_stand_together_and_equal_neighbours_are_joined():
  arch = {f'model.stages.{i}.block.kernel': 3 for i in range(12)}
  arch['model.stages.4.block.kernel'] = 5
  _, (text,) = archs.shorten([arch])
  assert text == (
    'stages.0-3: kernel=3 | stages.4: kernel=5 | stages.5-11: kernel=3'
  )


def test_names_that_would_be_mistaken_stay_longer():
  arch = {'model.stages.0.a.width': 1, 'model.stages.0.b.width': 2, 'x.bits': 8}
  _, (text,) = archs.shorten([arch])
  assert text == 'bits=8 | stages.0: a.width=1 b.width=2'


def test_true_and_1_are_not_shared():
  assert archs.shorten([{'se': True}, {'se': 1}]) == ('', ['se=yes', 'se=1'])


def test_choices_that_only_some_have_are_not_shared():
  shared, own = archs.shorten([{'a': 1, 'b': 2}, {'a': 1}])
  assert (shared, own) == ('a=1', ['b=2', ''])


def test_no_arch():
  assert archs.shorten([]) == ('', [])
