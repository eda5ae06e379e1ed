"""A search on a cluster that is there already: two nodes, on this machine."""

import json
import os
import pathlib
import subprocess
import sys
import time

import pytest
import ray
from ray import cluster_utils
import toy_search

from effnas import search

pytestmark = pytest.mark.slow
_HERE = pathlib.Path(__file__).parents[1]


def evaluate(task, arch, trial, report):
  """Notes which node it is on, and waits a minute for another one."""
  node = ray.get_runtime_context().get_node_id()
  notes = pathlib.Path(task['workdir'], 'nodes.txt')
  with notes.open('a') as file:
    file.write(f'{node}\n')
  limit = time.monotonic() + 60
  while len(set(notes.read_text().split())) < 2 and time.monotonic() < limit:
    time.sleep(0.1)
  return toy_search.evaluate(task, arch, trial, report)


@pytest.fixture
def address():
  """The address of two nodes of one core each."""
  cluster = cluster_utils.Cluster(
    initialize_head=True, head_node_args={'num_cpus': 1}
  )
  cluster.add_node(num_cpus=1)
  yield cluster.address
  cluster.shutdown()


def test_both_nodes_of_a_cluster_run_trials(address, tmp_path):
  """And the search is that of one machine."""
  plan = {'trials': 8, 'concurrency': 2}
  whole = search.run(
    toy_search.config(engine='inline', **plan),
    tmp_path / 'whole',
    evaluate='toy_search:evaluate',
    problem=toy_search.problem(),
  )
  config = toy_search.config(engine='ray', **plan)
  path = tmp_path / 'ray'
  code = (
    'import json, sys, toy_search\nfrom effnas import search\n'
    'search.run(json.loads(sys.argv[1]), sys.argv[2], '
    "evaluate='test_ray_cluster:evaluate', problem=toy_search.problem())"
  )
  folders = os.pathsep.join([str(_HERE), str(_HERE / 'engines')])
  subprocess.run(
    [sys.executable, '-c', code, json.dumps(config), str(path)],
    check=True,
    env={**os.environ, 'RAY_ADDRESS': address, 'PYTHONPATH': folders},
  )
  found = search.read(path)
  assert [(t.arch, t.status) for t in found] == [
    (t.arch, t.status) for t in whole
  ]
  assert len(set((path / 'nodes.txt').read_text().split())) == 2
