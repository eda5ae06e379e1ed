"""Trials that are scored by proxies and train nothing, for any engine.

The problem is that of trained networks, `network_trials.problem`; objectives
and soft constraints are proxies ('proxy_naswot') and footprint metrics:

    search.run(
        config, workdir, evaluate='effnas.search.scoring.trials:evaluate'
    )

A config may have a section 'proxies', the keyword arguments of `scores`.
"""

from collections.abc import Callable, Iterable, Mapping
import functools
from typing import Any

from flax import linen
import jax
import numpy as np

from effnas import arguments, errors
from effnas import data as data_lib
from effnas.nn import rewrite
from effnas.search import metrics, proxies
from effnas.search import settings as settings_lib
from effnas.search.networks import candidate as candidate_lib
from effnas.search.networks import made_with


def evaluate(
  task: Mapping[str, Any],
  arch: Mapping[str, Any],
  trial: int,
  report: Callable[[int, Mapping[str, Any]], None],
) -> dict[str, Any]:
  """Scores a trial on a worker; see `effnas.search.running.evaluation`.

  The network is scored as a float one, whatever it is converted to later; all
  trials see the same examples.

  Raises:
    UserError: A proxy does not go with the network, or with other metrics.
  """
  del trial, report
  made_with.check(task)
  config = task['config']
  search = settings_lib.make(config['search'])
  names = (*search.objectives, *search.soft_constraints)
  metrics.untrained(names)
  asked = [metrics.parse(name).proxy for name in names]
  section = settings(config)
  net = rewrite.Rewritten(candidate_lib.build(config, arch).net.model)
  dataset = candidate_lib.load_data(config)
  found = scores(net, dataset, filter(None, asked), **section)
  return {f'proxy_{name}': value for name, value in found.items()}


def settings(config: Mapping[str, Any]) -> Mapping[str, Any]:
  """Returns a config's section 'proxies', the keyword arguments of `scores`.

  Args:
    config: The config.

  Raises:
    UserError: One is unknown or out of range.
  """
  section = config.get('proxies', {})
  if not isinstance(section, Mapping):
    raise errors.UserError(
      f"proxies must hold settings by name, e.g. {{'batch': 64}}; got "
      f'{section!r}'
    )
  arguments.check(scores, section, 'section', 'proxies')
  return section


def scores(
  net: linen.Module,
  dataset: data_lib.Dataset,
  names: Iterable[str],
  *,
  batch: int = 64,
  repeats: int = 1,
) -> dict[str, float]:
  """Returns the scores of an untrained network.

  Args:
    net: A Linen module whose call takes `train`.
    dataset: The data; its training split is looked at.
    names: Of proxies.
    batch: Examples, at most all there are.
    repeats: Initialisations, over which scores are averaged; they are drawn
      from the seeds 0, 1, ..., and the examples from 0.

  Returns:
    By proxy.

  Raises:
    UserError: A proxy does not go with the network.

  Example:
    >>> from effnas import data
    >>> net = rewrite.Rewritten(linen.Dense(10))
    >>> scores(net, data.load('digits', limit=64), ['params'])
    {'params': 20.0}
  """
  count = len(dataset.train.x)
  at = np.random.default_rng(0).permutation(count)[:batch]
  inputs = dataset.prepare(dataset.train.x[at])
  labels = jax.numpy.asarray(dataset.train.y[at])
  loaded = {name: proxies.load(name) for name in names}
  found: dict[str, list[float]] = {name: [] for name in loaded}
  for seed in range(repeats):
    key = jax.random.key(seed)
    variables = _init(net, key, inputs[:1])
    for name, score in loaded.items():
      found[name].append(score(net, variables, inputs, labels, key))
  return {name: float(np.mean(values)) for name, values in found.items()}


@functools.partial(jax.jit, static_argnames='net')
def _init(net, key, inputs):
  return net.init(key, inputs)
