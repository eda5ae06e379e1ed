"""The house: one-way layers, light imports, small files, one import each."""

import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PACKAGE = ROOT / 'effnas'
# Left may not import right; rooms of one group do not import each other.
LAYERS = (
  ('errors', 'folders', 'words'),
  ('files',),
  ('space', 'nn'),
  ('zoo', 'quant', 'compress', 'learn', 'data', 'footprint'),
  ('train',),
  ('recipe',),
  ('supernet', 'search'),
  ('strategy', 'export'),
  ('report',),
  ('cli',),
)
LEVEL = {room: i for i, rooms in enumerate(LAYERS) for room in rooms}
# Heavy or optional packages, each imported in so many files (what lies in one
# folder named after the package counts once).
HEAVY = {
  'aqt': 1,
  'ray': 1,
  'orbax': 1,
  'matplotlib': 1,
  'PIL': 1,
  'safetensors': 1,
  'ml_collections': 1,
  'grain': 1,
  'scipy': 1,
  'pynvml': 1,
  'optuna': 1,
}
LIGHT = (
  'ray',
  'aqt',
  'tensorflow',
  'torch',
  'matplotlib',
  'orbax',
  'sklearn',
  'grain',
  'optuna',
)
FILES = sorted(PACKAGE.rglob('*.py'))


def _imports(path):
  """Yields the modules that a file imports, deferred imports too."""
  for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
    if isinstance(node, ast.Import):
      for alias in node.names:
        yield alias.name
    elif isinstance(node, ast.ImportFrom):
      assert not node.level, f'{path}: relative import'
      yield node.module
      for alias in node.names:
        yield f'{node.module}.{alias.name}'


def _room(module):
  parts = module.split('.')
  return parts[1] if parts[0] == 'effnas' and len(parts) > 1 else None


@pytest.mark.parametrize(
  'path', FILES, ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_imports_go_one_way(path):
  parts = path.relative_to(PACKAGE).with_suffix('').parts
  here = parts[0]
  if here == '__init__':
    return
  assert here in LEVEL, f'{here} has no place among the layers'
  for module in _imports(path):
    there = _room(module)
    if there in LEVEL and there != here:
      assert LEVEL[there] < LEVEL[here], f'{path} imports {module}'


@pytest.mark.parametrize('package', HEAVY)
def test_a_heavy_package_is_imported_in_one_file(package):
  found = {
    str(path.parent if path.parent.name == package else path)
    for path in FILES
    for module in _imports(path)
    if module.split('.')[0] == package
  }
  assert len(found) == HEAVY[package], found


def test_import_is_light():
  rooms = [
    f'effnas.{path.parent.name}' for path in PACKAGE.glob('*/__init__.py')
  ]
  code = (
    f'import sys, effnas, {", ".join(rooms)}; '
    f'from jax._src import xla_bridge; '
    f'print([m for m in {LIGHT} if m in sys.modules], '
    f'list(xla_bridge._backends))'
  )
  found = subprocess.run(
    [sys.executable, '-c', code], capture_output=True, text=True, check=True
  )
  assert found.stdout.strip() == '[] []', found.stdout


def test_files_are_small_and_named_after_what_they_do():
  for path in FILES:
    lines = len(path.read_text(encoding='utf-8').splitlines())
    assert lines <= 400, f'{path}: {lines} lines'
    assert path.stem not in ('utils', 'helpers', 'misc', 'common')
