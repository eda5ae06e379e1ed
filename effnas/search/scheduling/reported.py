"""What a rule that stops trainings looks at: one metric of their reports."""

from effnas import errors
from effnas.search import problem as problem_lib


def metric(name: str, problem: problem_lib.Problem, given: str) -> str:
  """Returns the metric that a scheduler looks at.

  Args:
    name: The scheduler's, for messages.
    problem: Its only objective is the default.
    given: What the scheduler was told to look at, '' if nothing.

  Raises:
    UserError: There are several objectives, and it was told nothing.
  """
  if not given and len(problem.objectives) > 1:
    raise errors.UserError(
      f'scheduler {name} takes one objective, got '
      f'{", ".join(problem.objectives)}; name one, or say which one to look at '
      f'with scheduler_args.metric={problem.objectives[0]!r}'
    )
  return given or problem.objectives[0]


def missing(name: str, looked_at: str) -> errors.UserError:
  """Returns the error of trials that do not report what is looked at.

  Args:
    name: The scheduler's.
    looked_at: The metric.
  """
  return errors.UserError(
    f'{name} looks at {looked_at} after each epoch, but the trials do not '
    'report it; set train.eval_every to 1'
  )
