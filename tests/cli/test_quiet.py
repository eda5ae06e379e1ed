import logging
import os
import warnings

from effnas.cli import quiet

_LOG = logging.getLogger('jax._src.xla_bridge')
_PLUGIN = 'Jax plugin configuration error: Exception when calling x.y()'


def test_without_devices_nobody_speaks_of_them(monkeypatch, caplog):
  monkeypatch.setattr(quiet, '_there', lambda patterns: False)
  monkeypatch.setattr(_LOG, 'filters', [])
  monkeypatch.delenv('TPU_SKIP_MDS_QUERY', raising=False)
  monkeypatch.setenv('TPU_MIN_LOG_LEVEL', '0')
  quiet.prepare()
  assert os.environ['TPU_SKIP_MDS_QUERY'] == '1'
  assert os.environ['TPU_MIN_LOG_LEVEL'] == '0'  # the user's own
  _LOG.error(_PLUGIN)
  _LOG.warning('another matter')
  assert caplog.messages == ['another matter']


def test_devices_that_are_there_are_left_alone(monkeypatch, caplog):
  monkeypatch.setattr(quiet, '_there', lambda patterns: True)
  monkeypatch.setattr(_LOG, 'filters', [])
  for name in [n for n in os.environ if n.startswith('TPU_')]:
    monkeypatch.delenv(name)
  before = {n for n in os.environ if n.startswith(('TPU_', 'JAX_', 'CUDA_'))}
  quiet.prepare()
  after = {n for n in os.environ if n.startswith(('TPU_', 'JAX_', 'CUDA_'))}
  assert after == before
  _LOG.error(_PLUGIN)
  assert caplog.messages == [_PLUGIN]


def test_libtpu_without_a_tpu_is_not_asked(monkeypatch):
  monkeypatch.setattr(quiet, '_there', lambda patterns: patterns is quiet._GPU)
  monkeypatch.setattr(quiet.importlib.util, 'find_spec', lambda name: name)
  monkeypatch.setattr(os, 'environ', {})
  quiet.prepare()
  assert os.environ['JAX_PLATFORMS'] == 'cuda,cpu'
  monkeypatch.setattr(os, 'environ', {'JAX_PLATFORMS': 'tpu'})
  quiet.prepare()
  assert os.environ['JAX_PLATFORMS'] == 'tpu'  # the user's own


def test_warnings_for_users_are_one_line_and_said_once(monkeypatch, capsys):
  others = []
  monkeypatch.setattr(warnings, 'showwarning', lambda *a: others.append(a[1]))
  with warnings.catch_warnings():
    warnings.simplefilter('always')
    monkeypatch.setattr(quiet, '_there', lambda patterns: True)
    quiet.prepare()
    for _ in range(3):
      warnings.warn('up stays in float', stacklevel=1)
    warnings.warn('old', DeprecationWarning, stacklevel=1)
  assert capsys.readouterr().err == 'effnas: warning: up stays in float\n'
  assert others == [DeprecationWarning]
