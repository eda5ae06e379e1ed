import pytest

from effnas import errors
from effnas.search import engines, settings

_GOOD = {'objectives': ['accuracy', 'size_bytes']}


def test_engines_are_found_by_their_files():
  assert engines.names() == ['inline', 'ray']


def test_defaults_are_deterministic():
  found = settings.make(_GOOD)
  assert found.asynchronous is False
  assert found.engine == 'ray'


@pytest.mark.parametrize(
  ('section', 'said'),
  [
    ({'trails': 4}, "setting search 'trails'; did you mean 'trials'"),
    ({'sampler': 'nsga'}, "did you mean 'nsga"),
    ({'sampler': 'regularised_evolution'}, "'regularized_evolution'"),
    ({'scheduler': 'ahsa'}, "did you mean 'asha'"),
    (
      {'scheduler': 'asha', 'scheduler_args': {'max_epochs': 0}},
      'asha.max_epochs must be a whole number of at least 1',
    ),
    ({'engine': 'rya'}, "did you mean 'ray'"),
    ({'trials': 0}, 'search.trials must be a whole number of at least 1'),
    ({'trials': 2.0}, 'search.trials must be a whole number'),
    ({'trials': True}, 'search.trials must be a whole number'),
    ({'concurrency': 0}, 'search.concurrency'),
    ({'max_draws': 0}, 'search.max_draws'),
    ({'seed': -1}, 'search.seed must be a whole number of at least 0'),
    ({'asynchronous': 1}, 'search.asynchronous must be true or false'),
    ({'objectives': ['latency_ms']}, 'latency_ms@TARGET'),
    ({'constraints': {'macs': -1}}, 'above 0'),
    ({'sampler_args': {'populatoin': 3}}, "did you mean 'population'"),
    ({'sampler_args': {'population': 0}}, 'nsga2.population must be a whole'),
    ({'sampler_args': {'population': 2.5}}, 'nsga2.population must be a whole'),
    (
      {'sampler_args': {'crossover': 1.5}},
      'nsga2.crossover must be a number from 0 to 1',
    ),
    ({'sampler': 'random', 'sampler_args': {'x': 1}}, 'argument of sampler'),
    ({'batch': 0}, 'search.batch must be a whole number of at least 1'),
    ({'retries': -1}, 'search.retries must be a whole number of at least 0'),
    ({'resources': 2}, 'search.resources must be settings by name, got 2'),
    ({'resources': {'GPU': 1.5}}, 'resources.GPU must be a whole number, or a'),
    ({'resources': {'CPU': '2'}}, "resources.CPU must be a number, got '2'"),
    (
      {'time_limit_s': 0},
      'time_limit_s must be a number above 0 or null, got 0',
    ),
    ({'memory_limit_bytes': True}, 'memory_limit_bytes must be a number'),
    (
      {'memory_limit_bytes': 1e9, 'engine': 'inline'},
      'memory_limit_bytes needs search.engine=ray',
    ),
    ({'sampler_args': None}, 'sampler_args must be settings by name, got None'),
    ({'scheduler_args': None}, 'scheduler_args must be settings by name'),
    ({'scheduler_args': []}, 'scheduler_args must be settings by name'),
    ({'start_with': None}, 'start_with must be a list, got None'),
    ({'start_with': 'resnet18'}, 'start_with must be a list'),
    ({'start_with': {}}, 'start_with must be a list'),
    ({'soft_constraints': None}, 'soft_constraints must be settings by name'),
    ({'constraints': {'macs': '1'}}, 'constraints.macs must be a number'),
    ({'objectives': None}, 'search.objectives must be a list, got None'),
    ({'objectives': [3]}, r'objectives\[0\] must be a text, got 3'),
    ({'prefilter': None}, 'search.prefilter must be settings by name'),
    ({'warm_start': 3}, 'search.warm_start must be a text or null, got 3'),
    ({'trials': 10**20}, 'search.trials must be a whole number of at most'),
    ({'sampler': None}, 'search.sampler must be a text, got None'),
    (
      {'sampler': 'tpe', 'sampler_args': {'scalarise': 3}},
      'tpe.scalarise must',
    ),
    (
      {
        'scheduler': 'pbt',
        'scheduler_args': {'max_epochs': 9, 'perturb': [1]},
      },
      r'pbt\.perturb\[0\] must be a text, got 1',
    ),
    ({'tune_searcher': 3}, 'search.tune_searcher must be a name, or'),
    ({'tune_scheduler': {'grace': 1}}, "or {'name': NAME} with arguments"),
    (
      {'tune_searcher': 'optuna', 'prefilter': {'predictor': 'trees'}},
      'it does not go with search.tune_searcher',
    ),
  ],
)
def test_bad_sections_are_refused(section, said):
  with pytest.raises(errors.UserError, match=said):
    settings.make({**_GOOD, **section})


def test_objectives_have_no_default():
  with pytest.raises(errors.UserError, match=r'search\.objectives is missing'):
    settings.make({})
