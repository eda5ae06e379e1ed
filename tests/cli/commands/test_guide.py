import csv
import json
import shutil

import pytest

from effnas.search.networks import made_with


@pytest.fixture(scope='session')
def file(tmp_path_factory):
  """A config of a small network that a search has in its space."""
  config = {
    'space': 'tiny_cli:space',
    'space_args': {},
    'data': {'name': 'digits', 'limit': 128},
    'quant': {'weights': 8},
    'optim': {'name': 'adamw'},
    'train': {
      'epochs': 1,
      'batch_size': 64,
      'augment': [],
      'crop_padding': 1,
      'checkpoint_every': 0,
    },
    'compress': {'order': [], 'quantize': {'weights': {'oneof': [4]}}},
    'footprint': {'targets': ['cpu'], 'batch': 1, 'compile': []},
    'search': {
      'engine': 'inline',
      'trials': 1,
      'sampler': 'random',
      'objectives': ['accuracy', 'size_bytes'],
      'constraints': {},
      'start_with': [{'model.features': 8, 'model.act': 'relu'}],
    },
  }
  path = tmp_path_factory.mktemp('guided') / 'config.json'
  path.write_text(json.dumps(config))
  return path


@pytest.fixture(scope='session')
def workdir(tmp_path_factory):
  return tmp_path_factory.mktemp('walked') / 'run'


@pytest.fixture
def shrink(effnas, file, workdir):
  def run(*argv, workdir=workdir):
    return effnas(
      'guide',
      'shrink',
      f'--config={file}',
      f'--workdir={workdir}',
      '--keep_quality=100',
      '--steps=quantize',
      *argv,
    )

  return run


def test_a_walk_and_what_it_leaves(shrink, workdir):
  result = shrink()
  assert result.code == 0, result.err
  assert 'step 1 of 1: quantize\n' in result.err
  assert 'B; kept\n' in result.err
  lines = result.out.splitlines()
  assert lines[0].split()[:3] == ['step', 'what', 'accuracy']
  assert any(line.startswith('baseline') for line in lines)
  row = next(line for line in lines if line.startswith('quantize'))
  assert '4 bits' in row
  assert '→' in row
  assert row.endswith('yes')
  assert lines[-1].startswith('take trial 0 of quantize (4 bits): ')
  files = {path.name for path in workdir.iterdir()}
  assert {
    'config.json',
    'environment.json',
    'steps',
    'walk.csv',
    'front.csv',
    'guide.png',
    'guide.json',
  } <= files
  assert (workdir / 'guide.png').stat().st_size > 10_000
  assert (workdir / 'steps' / '1_quantize' / 'report.html').is_file()
  with (workdir / 'walk.csv').open() as file:
    rows = list(csv.DictReader(file))
  assert [row['step'] for row in rows] == ['baseline', 'quantize']
  assert rows[1]['size_bytes before'] == rows[0]['size_bytes after']
  assert int(rows[1]['size_bytes after']) < int(rows[0]['size_bytes after'])
  with (workdir / 'front.csv').open() as file:
    front = list(csv.DictReader(file))
  assert [row['step'] for row in front if row['chosen'] == 'yes'] == [
    'quantize'
  ]


def test_again_it_goes_on_and_says_the_same(shrink, workdir):
  assert shrink().code == 0
  journals = {j: j.read_bytes() for j in workdir.glob('steps/*/trials.jsonl')}
  result = shrink('--format=json')
  assert {j: j.read_bytes() for j in journals} == journals
  found = json.loads(result.out)
  assert found == json.loads((workdir / 'guide.json').read_bytes())
  assert found['rows'][1]['before'] == found['rows'][0]['after']
  assert found['chosen']['step'] == 'quantize'
  assert (
    f'{100 * found["test"]["chosen"]["accuracy"]:.1f} %'
    in (found['recommendation'])
  )


def test_the_walk_s_points_are_named_in_the_picture(shrink, monkeypatch):
  named = []
  monkeypatch.setattr(
    'effnas.report.place.labels',
    lambda axes, renderer, texts, color, corner: named.extend(texts.values()),
  )
  assert shrink().code == 0
  assert {'4 bits', 'baseline'} <= set(named)  # beside those of its searches


def test_other_data_is_refused_or_accepted_by_each_step(
  shrink, workdir, tmp_path, monkeypatch
):
  assert shrink().code == 0
  again = tmp_path / 'again'
  shutil.copytree(workdir, again)
  names = ('data.train', 'data.valid', 'data.test')
  monkeypatch.setattr(made_with, 'data', lambda _: dict.fromkeys(names, 'f'))
  said = shrink(workdir=again).said
  assert '!= f (now)' in said
  assert '--accept_changes' in said
  assert shrink('--accept_changes', workdir=again).code == 0
  records = [again / 'identity.json', *again.glob('steps/*/identity.json')]
  assert len(records) == 3
  for record in records:
    found = json.loads(record.read_text())
    changes = {change['name']: change['became'] for change in found['changes']}
    assert changes == dict.fromkeys(names, 'f')


def test_another_walk_is_refused(shrink, workdir):
  assert shrink().code == 0
  said = shrink('--budget.params=1e6').said
  assert 'holds another run: guide.budget.params' in said


@pytest.mark.parametrize(
  ('argv', 'expected'),
  [
    (['--budget.size_bytes=10'], 'is below the smallest network of this walk'),
    (['--budget.size=10'], "did you mean '--budget.size_bytes'"),
    (['--budget.size_bytes=-1'], 'above 0'),
    (['--keep_quality=101'], 'from 0 to 100'),
    (['--steps=prume'], "did you mean 'prune'"),
    (['--widths=a'], '--widths takes numbers'),
    (['--target=cpi'], "unknown target 'cpi'"),
    (['--config.search.start_with=[]'], 'which in search.start_with'),
    (['--trained=nowhere'], 'set quant.weights=32'),
    (
      ['--trained=nowhere', '--config.quant.weights=32'],
      'cannot read the weights file nowhere',
    ),
  ],
)
def test_bad_input_leaves_nothing_behind(shrink, tmp_path, argv, expected):
  result = shrink(*argv, workdir=tmp_path / 'deep' / 'run')
  assert expected in result.said
  assert list(tmp_path.iterdir()) == []


def test_words_and_goals(effnas, file):
  given = (f'--config={file}', '--workdir=run')
  assert 'guide needs shrink or grow' in effnas('guide', *given).said
  assert "did you mean 'grow'" in effnas('guide', 'growl', *given).said
  assert 'needs a budget' in effnas('guide', 'grow', *given).said
