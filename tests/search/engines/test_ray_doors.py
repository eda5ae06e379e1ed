"""What a search by Ray leaves open, seen from outside while it runs."""

import contextlib
import json
import os
import pathlib
import stat
import subprocess
import sys
import time

import pytest
import toy_search

from effnas import errors, search
from effnas.search.engines.ray import cluster

_HERE = pathlib.Path(__file__).parents[1]
_LISTENS = '0A'


def tree(root):
  """The ids of a process and of all that came from it."""
  parents = {}
  for file in pathlib.Path('/proc').glob('[0-9]*/stat'):
    try:
      text = file.read_text()
    except OSError:
      continue  # gone meanwhile
    parents[int(file.parent.name)] = int(text.rpartition(')')[2].split()[1])
  found = {root}
  while more := {p for p, of in parents.items() if of in found} - found:
    found |= more
  return found


def listening(processes):
  """The addresses that processes listen on, as /proc/net writes them."""
  sockets = set()
  for process in processes:
    for file in pathlib.Path(f'/proc/{process}/fd').glob('*'):
      try:
        sockets.add(os.readlink(file))
      except OSError:
        continue
  found = set()
  for name in ('tcp', 'tcp6'):
    for line in pathlib.Path('/proc/net', name).read_text().splitlines()[1:]:
      part = line.split()
      if part[3] == _LISTENS and f'socket:[{part[9]}]' in sockets:
        found.add(part[1].partition(':')[0])
  return found


def _mode(path):
  return stat.S_IMODE(path.stat().st_mode)


def is_loopback(address):
  words = [address[i : i + 8] for i in range(0, len(address), 8)]
  octets = bytes.fromhex(words[-1])[::-1]
  mapped = words[:-1] in ([], ['00000000', '00000000', 'FFFF0000'])
  alone = address == '0' * 24 + '01000000'
  return alone or (mapped and octets[0] == 127)


def test_addresses_are_read_as_the_kernel_writes_them():
  assert is_loopback('0100007F')
  assert is_loopback('0000000000000000FFFF00000100007F')
  assert is_loopback('00000000000000000000000001000000')
  assert not is_loopback('00000000')
  assert not is_loopback('0' * 32)
  assert not is_loopback('020200C0')


@pytest.mark.slow
def test_it_listens_on_loopback_alone_and_opens_no_file(tmp_path):
  config = toy_search.config(engine='ray', trials=3)
  config['toy'] = {'seconds': 1.0}
  command = [sys.executable, 'toy_search.py', str(tmp_path / 'run')]
  command.append(json.dumps(config))
  environment = {**os.environ, 'HOME': str(tmp_path)}
  addresses, modes = set(), set()
  with subprocess.Popen(
    command, cwd=_HERE, env=environment, stderr=subprocess.PIPE
  ) as process:
    limit = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < limit:
      addresses |= listening(tree(process.pid))
      for path in pathlib.Path('/tmp').glob(f'effnas-ray-{process.pid}-*'):
        with contextlib.suppress(FileNotFoundError):  # at its end
          token = path / 'token'
          modes.add((_mode(path), _mode(token), len(token.read_text())))
      time.sleep(0.2)
    said = process.stderr.read().decode()
    assert process.wait() == 0, said
  assert (0o700, 0o600, 64) in modes
  assert {(folder, token) for folder, token, _ in modes} == {(0o700, 0o600)}
  assert len(addresses) >= 1
  assert [a for a in addresses if not is_loopback(a)] == []
  assert 'listens' not in said
  assert not (tmp_path / '.ray').exists()
  assert not list(pathlib.Path('/tmp').glob(f'effnas-ray-{process.pid}-*'))


def test_where_ray_listens_everywhere_it_is_said(monkeypatch, caplog):
  node = {'NodeManagerAddress': '192.0.2.7'}
  monkeypatch.setattr('ray.nodes', lambda: [node])
  cluster._warn_of_listeners()
  assert (
    'listens on all interfaces of this machine (its address is 192.0.2.7'
    in (caplog.text)
  )
  caplog.clear()
  monkeypatch.setattr(
    'ray.nodes', lambda: [{'NodeManagerAddress': '127.0.0.1'}]
  )
  cluster._warn_of_listeners()
  assert caplog.text == ''


@pytest.mark.slow
def test_no_room_on_a_worker_leaves_its_trial_unfinished(tmp_path):
  def run(path, engine):
    return search.run(
      toy_search.config(engine=engine, trials=5) | {'toy': {'full': 1}},
      path,
      evaluate='toy_search:evaluate',
      problem=toy_search.problem(),
    )

  path = tmp_path / 'ray'
  path.mkdir()
  (path / 'full').touch()
  with pytest.raises(errors.MachineError, match='trial 1 could not go on: OSE'):
    run(path, 'ray')
  assert search.read(path)[1].status == 'proposed'
  assert 'failed' not in (path / 'trials.jsonl').read_text()
  (path / 'full').unlink()
  whole = run(tmp_path / 'inline', 'inline')
  assert [(t.arch, t.status, t.retries) for t in run(path, 'ray')] == [
    (t.arch, t.status, t.retries) for t in whole
  ]
