"""Population based training: weights and numbers that are handed on."""

import numpy as np
import scheduled


def test_a_population_hands_on_weights_and_changes_numbers_only(tmp_path):
  trials = scheduled.play(
    scheduled.lead(tmp_path / 'j', 'pbt', trials=60, seed=4)
  )
  per = 4 * 5  # members, turns of 2 epochs
  taken_over = 0
  for trial in trials:
    turn, member = divmod(trial.id % per, 4)
    assert trial.epochs == min(2 * (turn + 1), 9)
    if not turn:
      assert trial.parent is None
      continue
    last = trial.id - member - 4
    assert last <= trial.parent < last + 4
    parent = trials[trial.parent]
    for key in ('model.kernel', 'model.width'):
      assert trial.arch[key] == parent.arch[key]
    rung = sorted(trials[last : last + 4], key=lambda t: t.metrics['accuracy'])
    if trial.parent == last + member and trial.arch == parent.arch:
      assert trials[last + member] != rung[0]
    else:
      taken_over += 1
      assert trials[last + member] == rung[0]  # a quarter of four
      assert parent == rung[-1]
      assert trial.arch['optim.lr'] != parent.arch['optim.lr']
  assert taken_over == 60 - 60 // 5 - 4 * 9


def test_a_population_waits_for_each_member_s_own_last_turn(tmp_path):
  """More trials at once than members: they are not all running ever."""
  leader = scheduled.lead(tmp_path / 'j', 'pbt', concurrency=6, trials=20)
  assert (
    len(scheduled.play(leader, 4)) == 20
  )  # it asserts that no more than 4 run


def test_inheriting_beats_training_by_one_rate(tmp_path):
  """The toy wants a rate that falls while it learns."""

  def best(worst, seed):
    args = {'max_epochs': 24, 'interval': 2, 'size': 8, 'worst': worst}
    path = tmp_path / f'{worst}{seed}'
    leader = scheduled.lead(path, 'pbt', args=args, trials=8 * 12, seed=seed)
    return max(t.metrics['accuracy'] for t in scheduled.play(leader))

  def alone(seed):
    leader = scheduled.lead(
      tmp_path / f'alone{seed}',
      'successive_halving',
      args={'max_epochs': 24, 'min_epochs': 24},
      trials=8,
      seed=seed,
    )
    trials = scheduled.play(leader)
    assert all(t.epochs == 24 for t in trials)
    return max(t.metrics['accuracy'] for t in trials)

  gains = [best(0.25, seed) - alone(seed) for seed in range(6)]
  assert sum(gain > 0 for gain in gains) >= 5
  assert np.mean(gains) > 0.05
