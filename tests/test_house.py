"""The house: one-way layers, light imports, small files, one import each."""

import ast
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PACKAGE = ROOT / 'effnas'
# Left may not import right; rooms of one group do not import each other.
LAYERS = (
  ('errors', 'folders', 'jaxprs', 'words'),
  ('files', 'hints'),
  ('arguments', 'terminal'),
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
# What JAX keeps private or moves from version to version, and the files that
# know it: the view of programs, lowering without a device, compilers, and the
# name of a logger.
MOVING = re.compile(
  r"""jax\._src|jax\.extend|jax\.interpreters|\b\w*jaxpr\.jaxpr\b
  |\.constvars\b|\.eqns\b|\bname_stack\b|\bClosedJaxpr\b
  |['"](jaxpr|(call|fun|cond|body)_jaxpr|(cond_n|body_n|num_)consts|num_carry
  |ft_(in|out)|branches|branches_platforms)['"]""",
  re.VERBOSE,
)
KNOW = {
  'jaxprs.py',
  'footprint/compiled/program.py',
  'footprint/compiled/worker.py',
  'cli/quiet.py',
}
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


# Files that write other than through `effnas.files`, each with its reason.
WRITERS = {
  'files.py': 'it is the one',
  'terminal.py': 'standard output and error',
  'search/workdir.py': 'the lock of a workdir',
  'search/journal.py': 'an append, whole by its own means',
  'search/running/limits.py': 'the last words of a process that is killed',
  'search/running/mark.py': 'a mark of some bytes, whole by itself',
  'search/engines/ray/cluster.py': "Ray's token, new and private",
  'footprint/compiled/process.py': "a compiler's standard error",
  'footprint/weights.py': 'the words of a PyTorch command that is told',
  'data/source.py': 'a download, streamed into a draft',
}
# Files that read JSON by themselves: their own, or of the package.
READERS = {
  'files.py': 'it is the one',
  'footprint/compiled/gpu.py': 'shipped',
  'footprint/compiled/process.py': "a child's answer",
  'footprint/compiled/worker.py': "its parent's job",
  'footprint/latency/device.py': 'shipped',
  'search/samplers/sobol.py': 'shipped',
  'zoo/__init__.py': 'shipped',
  'search/engines/ray/__init__.py': 'of our own driver',
  'search/engines/ray/telling.py': 'of our own workers',
  'search/networks/candidate.py': 'keys of a cache',
  'search/networks/teaching.py': 'keys of a cache',
  'search/tabular/table_trials.py': 'keys of a cache',
  'strategy/guide/fixed.py': 'keys of a cache',
  'strategy/guide/step.py': 'a value as JSON gives it back',
  'train/checkpoint.py': 'a value as JSON gives it back',
  'search/event.py': 'lines of a journal, parsed by files.py first',
  'search/networks/made_with.py': 'keys of a cache',
}
_WRITING = re.compile(
  r'write_text\(|write_bytes\(|savefig\((?!drawn)|save_file\(|json\.dump\(|'
  r'\b(np|numpy)\.save\w*\(|shutil\.(copy|move)|os\.replace\(|\.rename\(|'
  r"""\.replace\((path|target|file)\b|open\([^)\n]*['"][rb]*[wax+][bt+]*['"]|"""
  r'NamedTemporaryFile|mkstemp|O_CREAT'
)
_SHOWN = re.compile(r'(?<![\w.>])print\(|sys\.std(out|err)\.write\(')


def _found(pattern, root=PACKAGE):
  """Returns the files that hold a pattern outside of docstring examples."""
  found = set()
  for path in sorted(root.rglob('*.py')):
    for line in path.read_text(encoding='utf-8').splitlines():
      if pattern.search(line) and not line.lstrip().startswith(('>>>', '...')):
        found.add(str(path.relative_to(root)))
  return found


def test_what_is_written_is_written_whole_by_one_helper():
  assert _found(_WRITING) == set(WRITERS)
  for folder in ('experiments', 'benchmarks'):
    found = _found(_WRITING, ROOT / folder)
    # A picture goes to the place that `files.draft` lends.
    assert {
      name for name in found if not _drafts(ROOT / folder / name)
    } == set()


def _drafts(path):
  text = path.read_text(encoding='utf-8')
  found = {match[0] for match in _WRITING.finditer(text)}
  return found == {'savefig('} and text.count('savefig(place') == 1


def test_json_from_outside_is_read_by_one_helper():
  assert _found(re.compile(r'json\.loads?\(')) == set(READERS)


def test_text_leaves_for_the_terminal_in_one_place():
  told = {'terminal.py', 'search/engines/ray/cluster.py'}  # Ray's own log
  assert _found(_SHOWN) == told


def test_files_are_small_and_named_after_what_they_do():
  for path in FILES:
    lines = len(path.read_text(encoding='utf-8').splitlines())
    assert lines <= 400, f'{path}: {lines} lines'
    assert path.stem not in ('utils', 'helpers', 'misc', 'common')


def test_what_moves_in_jax_is_known_in_few_files():
  found = {
    str(path.relative_to(PACKAGE)): match[0]
    for path in FILES
    if (match := MOVING.search(path.read_text(encoding='utf-8')))
  }
  assert found.keys() == KNOW, found
