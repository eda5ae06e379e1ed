import json

import pytest

from effnas import space, zoo


@pytest.mark.parametrize(
  'words', [('space', 'hybrid', 'describe'), ('space', 'describe', 'hybrid')]
)
def test_describe(effnas, words):
  arguments = {'input_shape': [8, 8, 1], 'widths': [16]}
  described = space.load(zoo.spaces()['hybrid'], **arguments).describe()
  flag = f'--args={json.dumps(arguments)}'
  found = effnas(*words, flag, '--format=json').out
  assert json.loads(found) == described
  table = effnas(*words, flag).out
  assert table.startswith('infinitely many archs')
  for decision in described['decisions']:
    assert f'\n{decision["key"]} ' in table
  assert 'model.stages.0.block = MBConv' in table
  assert '0.001 to 0.01' in table


def test_samples_are_seeded_archs_a_line_each(effnas):
  argv = ('space', 'sample', '--config=tiny.py', '--n=4', '--seed=1')
  lines = effnas(*argv).out.splitlines()
  archs = [json.loads(line) for line in lines]
  assert len(archs) == 4
  assert lines == effnas(*argv).out.splitlines()
  assert archs == json.loads(effnas(*argv, '--format=json').out)
  assert lines != effnas(*argv[:-1], '--seed=2').out.splitlines()


def test_check(effnas):
  arch = effnas('space', 'tiny_cli:space', 'sample', '--n=1').out
  result = effnas('space', 'tiny_cli:space', 'check', f'--arch={arch}')
  assert (result.code, result.out) == (0, '')
  wrong = json.dumps({**json.loads(arch), 'model.features': 5})
  said = effnas('space', 'tiny_cli:space', 'check', f'--arch={wrong}').said
  assert "'model.features' is 5; it must be in oneof(4, 8)" in said


@pytest.mark.parametrize(
  ('argv', 'expected'),
  [
    ((), 'names: '),
    (('hybird',), "unknown space 'hybird'; did you mean 'hybrid'"),
    (('hybrid', 'descibe'), "unknown action 'descibe'; did you mean"),
    (('hybrid', 'sample', '--n=0'), '--n=0'),
    (('hybrid', 'check'), 'space needs --arch'),
    (('hybrid', '--args={"clases": 2}'), "did you mean 'classes'"),
    (('hybrid', '--config=tiny.py'), 'both name a space'),
  ],
)
def test_bad_input_is_one_line(effnas, argv, expected):
  assert expected in effnas('space', *argv).said
