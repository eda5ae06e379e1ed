"""`effnas reproduce`: what it lists, what it runs, and what it prints then."""

import json
import pathlib
import sys

from absl import flags
import pytest

import effnas as package
from effnas.cli import experiment
from effnas.cli.commands import reproduce

_RUN = """
import pathlib, sys
if '--fail' in sys.argv:
  print('run.py: no such data', file=sys.stderr)
  sys.exit(2)
here = pathlib.Path(__file__).parent
(here / 'ran').write_text(repr([sys.executable, *sys.argv[1:]]))
readme = here / 'README.md'
readme.write_text(readme.read_text().replace('| ? |', '| 71.5 |'))
print('a line of its own')
"""
_README = """# Widths: of one network

## Accuracy, %
| width | ours | published |
|---|---|---|
| 0.05 | ? | 70.17 |

**Sizes**

| width | KB |
|---|---|
| 0.05 | 60.8 |
| 0.1 |

|no table|
"""


@pytest.fixture
def experiments(tmp_path, monkeypatch):
  """A checkout with one experiment, and folders that are none."""
  monkeypatch.setattr(package, '__file__', str(tmp_path / 'a' / '__init__.py'))
  folder = tmp_path / 'experiments'
  (folder / 'widths').mkdir(parents=True)
  (folder / 'widths' / 'run.py').write_text(_RUN)
  (folder / 'widths' / 'README.md').write_text(_README)
  (folder / 'draft').mkdir()
  (folder / 'draft' / 'run.py').write_text(_RUN)
  return folder


def test_the_list_is_of_what_can_be_run(effnas, experiments):
  told = effnas('reproduce', '--format=json')
  assert json.loads(told.out) == [
    {'name': 'widths', 'title': 'Widths: of one network'}
  ]
  assert 'Widths: of one network' in effnas('reproduce').out


def test_ours_are_those_of_the_run(effnas, experiments):
  told = effnas('reproduce', 'widths', '--data=here', '--', '--cells=a,b', '-v')
  assert told.code == 0, told.err
  ran = (experiments / 'widths' / 'ran').read_text()
  assert ran == repr([sys.executable, '--data=here', '--cells=a,b', '-v'])
  [line] = [line for line in told.out.splitlines() if '70.17' in line]
  assert line.split() == ['0.05', '71.5', '70.17']
  assert 'a line of its own' not in told.out


def test_the_tables_come_without_a_run(effnas, experiments):
  told = effnas('reproduce', 'widths', '--table', '--format=json')
  assert json.loads(told.out) == {
    'name': 'widths',
    'title': 'Widths: of one network',
    'tables': [
      {
        'under': 'Accuracy, %',
        'heads': ['width', 'ours', 'published'],
        'rows': [['0.05', '?', '70.17']],
      },
      {
        'under': 'Sizes',
        'heads': ['width', 'KB'],
        'rows': [['0.05', '60.8'], ['0.1']],
      },
    ],
  }
  assert not (experiments / 'widths' / 'ran').exists()
  # A row that is short is shown too.
  assert '0.1' in effnas('reproduce', 'widths', '--table').out


@pytest.mark.parametrize(
  ('words', 'said'),
  [
    (['width'], "unknown experiment 'width'; did you mean 'widths'?"),
    (['widths', '0.05'], "flags behind --, got '0.05'"),
    (['widths', '--table', '--', '-v'], "'-v' is for run.py"),
    (['--table'], 'need the name of an experiment: widths'),
    (['widths', '--', '--fail'], 'run.py of widths ended with exit code 2'),
  ],
)
def test_what_is_refused(effnas, experiments, words, said):
  assert said in effnas('reproduce', *words).said


def test_without_a_checkout_it_says_so(effnas, tmp_path, monkeypatch):
  monkeypatch.setattr(package, '__file__', str(tmp_path / 'a' / '__init__.py'))
  assert 'not installed with the package' in effnas('reproduce').said


def test_those_of_the_working_folder_are_found(
  effnas, experiments, tmp_path, monkeypatch
):
  monkeypatch.setattr(package, '__file__', str(tmp_path / 'b' / 'c' / 'd.py'))
  monkeypatch.chdir(tmp_path)
  assert 'widths' in effnas('reproduce').out


def test_the_experiments_of_this_checkout_have_a_title_and_tables():
  found = reproduce._experiments()
  assert {'survey_guide', 'compression', 'hpo'} <= set(found)
  for name, folder in found.items():
    assert reproduce._title(folder), name
    if (folder / 'results.json').is_file():
      assert list(reproduce._tables(reproduce._readme(folder))), name


_STRICT = """
from absl import flags

from effnas.cli import experiment

flags.DEFINE_string('data', None, 'The published table.')
flags.DEFINE_integer('seeds', 2, 'How many.')

def main(argv):
  print(flags.FLAGS.data)

if __name__ == '__main__':
  flags.mark_flag_as_required('data')
  experiment.run(main)
"""


def test_what_run_py_cannot_do_without_is_told_before(effnas, experiments):
  (experiments / 'widths' / 'run.py').write_text(_STRICT)
  said = effnas('reproduce', 'widths').said
  assert 'reproduce widths needs --data: The published table; ' in said
  assert effnas('reproduce', 'widths', '--table').code == 0
  assert effnas('reproduce', 'widths', '--data=x').code == 0


@pytest.mark.parametrize(
  ('argv', 'said'),
  [
    ([], 'Flag --data must have a value'),
    (['--data=x', '--seeds=two'], '--seeds=two: '),
    (['--data=x', '--sedes=2'], "Unknown command line flag 'sedes'"),
  ],
)
def test_wrong_flags_of_an_experiment_are_one_line(
  experiments, argv, said, monkeypatch, capsys
):
  file = experiments / 'widths' / 'run.py'
  file.write_text(_STRICT)
  monkeypatch.setattr(sys, 'argv', [str(file), *argv])
  own = flags.FlagValues()
  monkeypatch.setattr(flags, 'FLAGS', own)
  flags.DEFINE_string('data', None, 'The published table.', own)
  flags.DEFINE_integer('seeds', 2, 'How many.', flag_values=own)
  flags.mark_flag_as_required('data', own)
  with pytest.raises(SystemExit) as ended:
    experiment._parsed(sys.argv)
  assert ended.value.code == 2
  err = capsys.readouterr().err
  assert err.startswith('run.py: ')
  assert said in err
  assert err.count('\n') == 1


def test_every_experiment_says_wrong_flags_in_a_line():
  root = pathlib.Path(__file__).parents[3] / 'experiments'
  scripts = list(root.glob('*/run.py'))
  assert len(scripts) > 5
  for script in scripts:
    assert 'experiment.run(main)' in script.read_text(), script
