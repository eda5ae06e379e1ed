import pytest

from effnas import data, errors
from effnas.data import loader


def test_unknown_set_names_the_near_one():
  with pytest.raises(errors.UserError, match="did you mean 'mnist'"):
    data.load('mnst')


def test_unknown_option_names_the_accepted_ones():
  with pytest.raises(errors.UserError, match=r"'sise'.*'folder'.*seed.*size"):
    data.load('folder', sise=32)


def test_an_option_of_another_set_is_unknown():
  with pytest.raises(errors.UserError, match="unknown option 'length'"):
    data.load('digits', length=32)


@pytest.mark.parametrize('name', data.names())
def test_every_set_takes_the_common_options(name):
  common = ['path', 'seed', 'valid', 'test', 'limit', 'labels', 'verify']
  assert loader.options(name)[:8] == [*common, 'remap']


@pytest.mark.parametrize('seed', [-1, 0.5, True, 'a'])
def test_seed_is_a_whole_number(seed):
  with pytest.raises(errors.UserError, match='seed must be'):
    data.load('digits', seed=seed)


@pytest.mark.parametrize('name', ['arrays', 'folder', 'text'])
def test_own_files_need_a_path(name, tmp_path):
  with pytest.raises(errors.UserError, match='set path'):
    data.load(name)
  with pytest.raises(errors.UserError, match='nothing lies at'):
    data.load(name, path=str(tmp_path / 'absent'))
