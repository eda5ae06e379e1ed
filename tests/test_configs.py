"""Every shipped config: loads, is taught, and has a variant of seconds."""

import json
import pathlib
import re
import shlex
import subprocess
import sys

import pytest

from effnas.cli import commands, config, main
from effnas.cli import request as request_lib

_ROOT = pathlib.Path(__file__).parent.parent
_SHARED = _ROOT.parent / 'shared'
_CONFIGS = sorted(
  file.relative_to(_ROOT)
  for file in (_ROOT / 'configs').rglob('*.py')
  if file.name != '__init__.py'
)
_COMMAND = re.compile(r'^ *(effnas (?:[^\n]*\\\n)*[^\n]*)', re.MULTILINE)


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch):
  monkeypatch.chdir(_ROOT)


def test_there_are_configs():
  assert pathlib.Path('configs/digits.py') in _CONFIGS


@pytest.mark.parametrize('file', _CONFIGS, ids=str)
def test_it_loads_and_smoke_is_smaller(file):
  whole, smoke = config.load(str(file)), config.load(f'{file}:smoke')
  assert whole.keys() == smoke.keys()
  spent = [
    c['search']['trials'] * c.get('train', {}).get('epochs', 1)
    for c in (smoke, whole)
  ]
  assert spent[0] < spent[1]
  assert smoke['search']['engine'] == 'inline'


@pytest.mark.parametrize('file', _CONFIGS, ids=str)
def test_its_docstring_holds_commands_that_parse(file):
  doc = file.read_text().partition('"""')[2].partition('"""')[0]
  found = _COMMAND.findall(doc)
  assert found, f'{file} teaches no command'
  for text in found:
    _, name, *argv = shlex.split(text.replace('\\\n', ' '))
    request = request_lib.parse(name, commands.load(name), argv)
    assert request.config()


@pytest.fixture
def images(tmp_path, write_images):
  """An override: a folder of 10 classes in ImageNet's layout."""
  classes = [f'n{i:08}' for i in range(10)]
  path = write_images(
    tmp_path / 'images', {'train': 5, 'val': 2}, (60, 90), classes
  )
  return [f'--config.data.path={path}']


def _data(file, tmp_path, images):
  """Overrides that find the config's data beside the checkout, or a skip."""
  if file.stem.endswith('digits'):
    return []
  if file.stem == 'imagenet':
    return images
  if file.stem == 'nasbench201':
    table = _SHARED / 'data' / 'nasbench201_12epoch.csv.gz'
    if not table.exists():
      pytest.skip('needs the shared data beside the checkout')
    return [f'--config.table.path={table}']
  shared = _SHARED / 'data' / file.stem
  if not shared.is_dir():
    pytest.skip(f'needs {file.stem} in the shared data beside the checkout')
  if file.stem == 'mnist':
    return [f'--config.data.path={shared}']
  script = _SHARED / 'scripts' / 'make_cifar10.py'
  subprocess.run([sys.executable, script, tmp_path], check=True)
  return [f'--config.data.path={tmp_path}', '--config.data.verify=False']


@pytest.mark.slow
@pytest.mark.parametrize('file', _CONFIGS, ids=str)
def test_its_smoke_variant_runs(file, tmp_path, images, capsys):
  argv = ['search', f'--config={file}:smoke', f'--workdir={tmp_path}/run']
  argv += _data(file, tmp_path, images)
  assert main.run(argv) == 0, capsys.readouterr().err
  assert (tmp_path / 'run' / 'report.html').stat().st_size > 1000


@pytest.mark.slow
@pytest.mark.parametrize('name', ['efficientnet_b0', 'deit_tiny'])
def test_the_other_imagenet_networks_train_too(name, tmp_path, images, capsys):
  argv = ['train', f'--config=configs/imagenet.py:{name}_smoke']
  argv += [f'--workdir={tmp_path}/run', *images]
  assert main.run(argv) == 0, capsys.readouterr().err
  found = json.loads((tmp_path / 'run' / 'metrics.json').read_bytes())
  assert 0 <= found['test']['accuracy'] <= 1
