"""Several evaluations at once in one process, a thread each.

A TPU chip serves one process only, so this is how candidates share one: while
one of them compiles or is measured, another one trains.
"""

from collections.abc import Callable, Mapping, Sequence
import concurrent.futures
import queue
from typing import Any

from effnas.search.running import evaluation

Message = dict[str, Any]


def run(
  calls: Sequence[Mapping[str, Any]], send: Callable[[Message], None]
) -> Message:
  """Evaluates candidates.

  Args:
    calls: The arguments of `evaluation.run` for each, without 'send'.
    send: Called, in this thread, with each message but the last one; 'trial'
      stands in it.

  Returns:
    The last message: one of them has finished, as all the others have.
  """
  if len(calls) == 1:
    [call] = calls
    number = call['trial']
    last = evaluation.run(**call, send=lambda m: send({**m, 'trial': number}))
    return {**last, 'trial': number}
  messages: queue.SimpleQueue[Message] = queue.SimpleQueue()

  def one(call: Mapping[str, Any]) -> None:
    def told(message: Message) -> None:
      messages.put({**message, 'trial': call['trial']})

    told(evaluation.run(**call, send=told))

  with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
    for call in calls:
      pool.submit(one, call)
    running = len(calls)
    while True:
      message = messages.get()
      if message['event'] != 'reported':
        running -= 1
      if not running:
        return message
      send(message)
