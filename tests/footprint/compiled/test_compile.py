"""The whole way with compilers that are here, absent, wrong or broken."""

import importlib.metadata
import json
import sys

from flax import linen
import jax.numpy as jnp
import pytest

from effnas import errors
from effnas.footprint import compiled
from effnas.footprint.compiled import process, target

NET = linen.Dense(8, use_bias=False)
ANSWER = {
  'argument_bytes': 100, 'output_bytes': 20, 'temporary_bytes': 3,
  'code_bytes': None, 'flops': None, 'bytes_accessed': None, 'seconds': 1.0,
}  # fmt: skip


@pytest.fixture
def worker(tmp_path, monkeypatch):
  """Puts a few lines of Python in the worker's place; the folder is `f`."""

  def put(code):
    head = 'import json, os, sys, time\nfrom pathlib import Path\n'
    head += 'f = Path(sys.argv[1])\n'
    command = [sys.executable, '-c', head + code]
    monkeypatch.setattr(process, '_COMMAND', command)
    monkeypatch.setattr(target, '_version', lambda *_: 'libfake 1.0')

  return put


def answering(answer):
  return f'(f / "answer.json").write_text({json.dumps(answer)!r})'


def compile_for(tmp_path, name='tpu_v5e', net=NET, **more):
  folder = tmp_path / 'cache'
  return compiled.compile_for(net, (4,), name, cache_folder=folder, **more)


def test_the_cpu_that_is_here(tmp_path):
  class Wide(linen.Module):
    @linen.compact
    def __call__(self, x):
      x = linen.Dense(512, use_bias=False)(x)
      return jnp.sort(linen.Dense(8, use_bias=False)(jnp.sort(x)))

  one = compile_for(tmp_path, 'cpu', Wide())
  more = compile_for(tmp_path, 'cpu', Wide(), batch=64)
  weights = 4 * (4 * 512 + 512 * 8)
  assert one.argument_bytes == weights + 4 * 4
  assert more.argument_bytes == weights + 64 * 4 * 4
  assert more.output_bytes == 64 * 8 * 4
  # What lies between grows with the batch.
  assert more.temporary_bytes >= 32 * one.temporary_bytes > 0
  assert more.flops > 32 * one.flops > 0
  assert more.fits
  assert more.seconds > 0
  assert not more.cached
  again = compile_for(tmp_path, 'cpu', Wide(), batch=64)
  assert again.cached
  assert again == more
  assert json.loads(json.dumps(again.as_json())) == again.as_json()


def test_unknown_target(tmp_path):
  with pytest.raises(
    errors.UserError, match=r"compile for 'tpu_v5'.*'tpu_v5p'"
  ):
    compile_for(tmp_path, 'tpu_v5')


@pytest.mark.parametrize(
  ('name', 'package', 'extra'),
  [('tpu_v2', 'libtpu', 'tpu'), ('a100', 'jax-cuda12-plugin', 'cuda')],
)
def test_an_absent_compiler(tmp_path, monkeypatch, name, package, extra):
  def absent(package):
    raise importlib.metadata.PackageNotFoundError(package)

  monkeypatch.setattr('importlib.metadata.version', absent)
  with pytest.raises(errors.UserError) as caught:
    compile_for(tmp_path, name)
  assert f'{name} needs {package}' in str(caught.value)
  assert f'`pip install effnas[{extra}]`' in str(caught.value)


@pytest.mark.parametrize('batch', [0, -1, 1.5])
def test_impossible_batch(tmp_path, batch):
  with pytest.raises(errors.UserError, match='positive whole numbers'):
    compile_for(tmp_path, 'cpu', batch=batch)


def test_the_job_is_handed_over_and_the_answer_kept(tmp_path, worker):
  worker(
    'job = json.loads((f / "job.json").read_text())\n'
    'assert job == {"platform": "tpu", "topology": {"topology_name":'
    ' "v5e:2x2"}}\n'
    'assert "stablehlo.dot_general" in (f / "program.mlir").read_text()\n'
    'assert os.environ["JAX_PLATFORMS"] == "cpu"\n'
    'assert "JAX_COMPILATION_CACHE_DIR" not in os.environ\n' + answering(ANSWER)
  )
  found = compile_for(tmp_path)
  assert (found.total_bytes, found.compiler) == (123, 'libfake 1.0')
  worker('raise SystemExit("nobody should ask again")')
  assert compile_for(tmp_path) == found
  with pytest.raises(errors.UserError, match='ask again'):
    compile_for(tmp_path, 'tpu_v6e')
  with pytest.raises(errors.UserError, match='ask again'):
    compile_for(tmp_path, batch=2)


def test_a_broken_entry_is_asked_for_anew(tmp_path, worker):
  worker(answering(ANSWER))
  found = compile_for(tmp_path)
  (entry,) = (tmp_path / 'cache').iterdir()
  for text in ('{"argument', '{}', '{"argument_bytes": 1, "seconds": 1}'):
    entry.write_text(text)
    again = compile_for(tmp_path)
    assert again == found
    assert not again.cached


def test_a_folder_that_cannot_be_made(tmp_path):
  (tmp_path / 'cache').write_text('a file')
  with pytest.raises(
    errors.UserError, match=r'cannot make the folder .*cache: File'
  ):
    compile_for(tmp_path, 'cpu')


def test_too_large_is_an_answer(tmp_path, worker):
  worker(answering({'refused': 'RESOURCE_EXHAUSTED: 9G', 'seconds': 1.0}))
  found = compile_for(tmp_path)
  assert not found.fits
  assert compile_for(tmp_path).cached


def test_a_refusal_is_one_line_and_not_kept(tmp_path, worker):
  worker(answering({'error': 'UNIMPLEMENTED:\n  no such dtype ' + 'x' * 999}))
  with pytest.raises(errors.UserError) as caught:
    compile_for(tmp_path)
  said = str(caught.value)
  assert said.startswith(
    'libfake 1.0 does not compile this network for tpu_v5e: '
    'UNIMPLEMENTED: no such dtype xx'
  )
  assert '\n' not in said
  assert len(said) < 400
  assert not list((tmp_path / 'cache').iterdir())


@pytest.mark.parametrize(
  ('code', 'line'),
  [
    (
      'print("F1124 10:00:00 x.cc:1] Check failed: ok", file=sys.stderr)\n'
      'print("*** stack trace", file=sys.stderr, flush=True)\n'
      'import signal; os.kill(os.getpid(), signal.SIGSEGV)',
      '(SIGSEGV): F1124 10:00:00 x.cc:1] Check failed: ok',
    ),
    ('raise KeyError("why")', "(exit code 1): KeyError: 'why'"),
    ('os._exit(7)', '(exit code 7): it said nothing'),
    ('(f / "answer.json").write_text("{")', '(exit code 0): it said nothing'),
  ],
)
def test_a_crash_is_one_line(tmp_path, worker, code, line):
  worker(code)
  with pytest.raises(errors.UserError) as caught:
    compile_for(tmp_path)
  assert (
    str(caught.value) == f'libfake 1.0 crashed compiling for tpu_v5e {line}'
  )


def test_a_time_limit_ends_the_child_and_its_children(tmp_path, worker):
  mark = tmp_path / 'alive'
  worker(
    'import subprocess\n'
    f'code = "import time, pathlib; time.sleep(2.0); '
    f'pathlib.Path({str(mark)!r}).touch()"\n'
    'subprocess.Popen([sys.executable, "-c", code])\n'
    'time.sleep(60)'
  )
  with pytest.raises(errors.UserError, match=r'within 0.7 s; a longer'):
    compile_for(tmp_path, time_limit=0.7)
  worker('time.sleep(2.5); ' + answering(ANSWER))
  compile_for(tmp_path)
  assert not mark.exists()


def test_a_real_refusal_of_the_worker(tmp_path, monkeypatch):
  monkeypatch.setattr(target, '_version', lambda *_: 'libfake 1.0')
  plan = target.Plan('cpu', 'cpu', 'jaxlib', None)
  with pytest.raises(errors.UserError, match='jaxlib does not compile'):
    process.run('module { not StableHLO }', plan, 60)
