import dataclasses
import json
import shutil

import pytest

from effnas import errors
from effnas.strategy import guide
from effnas.strategy.guide import choosing, steps
from effnas.strategy.guide import plan as plan_lib


def test_rows_follow_on_each_other(walk):
  assert [row.step for row in walk.rows] == ['baseline', *walk.plan.steps]
  at = walk.baseline
  for row in walk.rows[1:]:
    assert row.before is at
    assert row.kept is not bool(row.why)
    at = row.after if row.kept else at
  assert walk.path[-1] is at
  assert at is not walk.baseline


def test_shrinking_keeps_the_quality_and_lowers_the_cost(walk):
  for row in walk.rows:
    if row.kind == 'shrink' and row.kept:
      before, after = row.before.values, row.after.values
      assert after['size_bytes'] < before['size_bytes']
      assert after['accuracy'] >= walk.floor


def test_the_front_dominates_and_holds_the_choice(walk):
  assert walk.chosen in walk.front or walk.chosen in walk.tried
  for one in walk.tried:
    assert any(
      f.values['accuracy'] >= one.values['accuracy']
      and f.values['size_bytes'] <= one.values['size_bytes']
      for f in walk.front
    )
  assert walk.chosen.values['accuracy'] >= walk.floor
  cheaper = [
    t
    for t in walk.tried
    if t.values['size_bytes'] < walk.chosen.values['size_bytes']
  ]
  assert all(t.values['accuracy'] < walk.floor for t in cheaper)


def test_each_step_is_held_to_the_data_and_to_what_it_begins_with(
  walk, workdir
):
  names = {
    path.parent.name: set(json.loads(path.read_text())['made_with'])
    for path in workdir.glob('steps/*/identity.json')
  }
  data = {'data.train', 'data.valid', 'data.test'}
  assert names['0_baseline'] & (data | {'guide.trained'}) == data
  assert names['2_quantize'] >= data | {'guide.trained'}
  file = workdir / walk.baseline.point.trained
  assert file.is_file()


def test_other_weights_to_begin_with_are_refused(walk, workdir, tmp_path):
  again = tmp_path / 'again'
  shutil.copytree(workdir, again)
  by_step = {row.step: row for row in walk.rows}
  file = again / by_step['width'].after.point.trained
  data = bytearray(file.read_bytes())
  data[-1] ^= 1
  file.write_bytes(data)
  with pytest.raises(errors.UserError, match=r'guide\.trained'):
    guide.walk(walk.plan, again)


def test_compression_begins_with_the_trained_weights(walk):
  by_step = {row.step: row for row in walk.rows}
  narrow, served = by_step['width'].after, by_step['quantize'].after
  assert served.point.trained == narrow.point.trained
  assert narrow.point.trained.startswith('steps/1_width/checkpoints/')
  # Without epochs of its own, quantizing to 8 bits changes next to nothing.
  eight = next(t for t in walk.tried if t.said == '8 bits')
  assert eight.values['accuracy'] == pytest.approx(
    narrow.values['accuracy'], abs=0.06
  )


def test_the_test_split_is_looked_at_for_the_choice_alone(walk, workdir):
  journals = sorted(workdir.glob('steps/*/trials.jsonl'))
  assert len(journals) == 4
  assert not any('test' in journal.read_text() for journal in journals)
  assert all(0 <= found['accuracy'] <= 1 for found in walk.tests)


def test_it_goes_on_with_what_is_there(walk, workdir):
  journals = {j: j.read_bytes() for j in workdir.glob('steps/*/trials.jsonl')}
  names = []
  again = guide.walk(
    walk.plan, workdir, on_step=lambda number, name: names.append(name)
  )
  assert names == ['baseline', 'width', 'quantize', 'tune']
  assert {j: j.read_bytes() for j in journals} == journals
  assert again.chosen == walk.chosen
  assert again.tests == walk.tests


def test_what_is_not_kept_is_not_gone_on_with(plan, tmp_path, monkeypatch):
  choose = choosing.choose

  def refuse(kind, plan, floor, at, tried):
    found, why = choose(kind, plan, floor, at, tried)
    return found, 'refused' if found.step == 'width' else why

  monkeypatch.setattr(choosing, 'choose', refuse)
  plan = dataclasses.replace(plan, steps=('width', 'quantize'))
  found = guide.walk(plan, tmp_path)
  _, width, quantize = found.rows
  assert (width.kept, width.why) == (False, 'refused')
  assert width.after.said == 'width 0.5'
  assert quantize.before is found.baseline
  assert quantize.after.point.config['space_args'] == {}
  assert width.after not in found.path


def test_the_sentence_has_its_numbers(walk):
  said = guide.sentence(walk, str, lambda name, value: f'{value:g} {name}')
  chosen = walk.chosen
  assert said.startswith(f'take {chosen.name} (width 0.5, ')
  assert ' bits' in said.partition(': ')[0]
  assert f'{100 * chosen.values["accuracy"]:.1f} %' in said
  assert f'{chosen.values["size_bytes"]:g} size_bytes' in said
  assert f'(baseline {100 * walk.tests[0]["accuracy"]:.1f} %)' in said
  assert said.count('\n') == 0


@pytest.mark.parametrize(
  ('goal', 'changes', 'expected'),
  [
    ('shrnk', {}, "did you mean 'shrink'"),
    ('grow', {}, 'growing needs a budget'),
    ('shrink', {'keep_quality': -1}, 'from 0 to 100'),
    ('shrink', {'budget': {'accuracy': 1}}, 'on what a network costs'),
    ('shrink', {'budget': {'size_bytes': 0}}, 'above 0'),
    ('shrink', {'steps': ['fit']}, 'unknown step of shrink'),
    ('shrink', {'widths': [-1]}, 'a width is a number above 0'),
  ],
)
def test_bad_input_is_told(config, goal, changes, expected):
  with pytest.raises(errors.UserError, match=expected):
    guide.make(goal, config, **changes)


def test_every_step_of_a_goal_is_there():
  used = {step for goal in plan_lib.GOALS.values() for step in goal}
  assert used == set(steps.names())
  for name in steps.names():
    assert steps.load(name).KIND in ('shrink', 'improve', 'grow', 'fit')
