"""Tiny Shakespeare: next and masked tokens by a small decoder of the zoo."""

from collections.abc import Mapping
import dataclasses
import functools
import math
import time
from typing import Any

from flax import linen
import jax
import numpy as np

from effnas import data as data_lib
from effnas import train
from effnas.learn import self_supervision
from effnas.learn.self_supervision.pretexts import masked_tokens, next_token
from effnas.nn import layers
from effnas.nn.attention import softmax
from effnas.zoo import decoder

SEED = 0
LENGTH = 64
EPOCHS = 1
BATCH = 12
# As the published run's but for its last learning rate, which is not 0.
OPTIM = {'lr': 1e-3, 'warmup': 0.05, 'b2': 0.99, 'weight_decay': 0.1, 'clip': 1}
TASKS = ('next_token', 'masked_tokens')
PUBLISHED = 1.88  # nats, validation loss of the same network by nanoGPT
_SHARE = 0.15


@functools.cache
def dataset(path: str) -> data_lib.Dataset:
  """Returns the text in windows: 90 % to train on, 5 % and 5 % held out."""
  return data_lib.load(
    'tiny_shakespeare', path=path, length=LENGTH, valid=0.05, test=0.05
  )


def network(task: str, characters: int) -> linen.Module:
  """Returns four layers of 128 channels.

  Args:
    task: One of `TASKS`; masked tokens see both sides, and have a token more
      than the text: the mask, which is the last.
    characters: Number of different ones.
  """
  causal = decoder.gpt(
    depth=4,
    features=128,
    heads=4,
    classes=characters + (task == 'masked_tokens'),
    positions=LENGTH,
    act=layers.gelu,
    bias=False,
    dropout=0.0,
  )
  if task == 'next_token':
    return causal
  block: Any = causal.blocks[0]
  both = block.attention.copy(mixer=softmax.Softmax(causal=False))
  blocks = (block.copy(attention=both),) * len(causal.blocks)
  return causal.copy(blocks=blocks)


def measure(task: str, path: str) -> dict[str, Any]:
  """Trains a network and measures it on both held-out parts.

  Args:
    task: One of `TASKS`.
    path: Of the text.

  Returns:
    'valid' and 'test', nats of a token; the training loss of the last epoch,
    parameters, steps and CPU seconds.
  """
  data = dataset(path)
  net = network(task, data.classes)
  fields: dict[str, Any] = {}
  if task == 'masked_tokens':
    fields = {
      'vocabulary': data.classes + 1,
      'mask': data.classes,
      'share': _SHARE,
    }
  start = time.process_time()
  fitted = train.fit(
    net,
    data,
    epochs=EPOCHS,
    batch_size=BATCH,
    seed=SEED,
    optim=OPTIM,
    objective=self_supervision.make(task, fields),
  )
  judge = _next if task == 'next_token' else _masked
  return {
    'valid': round(judge(net, fitted.variables, data.valid, data), 4),
    'test': round(judge(net, fitted.variables, data.test, data), 4),
    'train': round(fitted.history[-1]['train_loss'], 4),
    'parameters': sum(
      leaf.size for leaf in jax.tree.leaves(fitted.variables['params'])
    ),
    'steps': EPOCHS * (len(data.train) // BATCH),
    'seconds': round(time.process_time() - start),
  }


def _next(
  net: Any, variables: Mapping[str, Any], split: Any, data: data_lib.Dataset
) -> float:
  """Returns the loss of all tokens of the windows but their first ones."""
  logits = train.predict(net, variables, split.x, data)
  return float(next_token.losses(logits, split.x).mean())


def _masked(
  net: Any, variables: Mapping[str, Any], split: Any, data: data_lib.Dataset
) -> float:
  """Returns the loss of tokens all of which are behind the mask."""
  where = masked_tokens.places(jax.random.key(SEED), split.x.shape, _SHARE)
  hidden = masked_tokens.hide(
    jax.random.key(SEED),
    jax.numpy.asarray(split.x),
    where,
    vocabulary=data.classes + 1,
    mask=data.classes,
    hidden=1.0,
    replaced=0.0,
  )
  rows = dataclasses.replace(split, x=np.asarray(hidden)).x
  logits = train.predict(net, variables, rows, data)
  found = np.take_along_axis(logits, np.asarray(where)[..., None], axis=1)
  labels = np.take_along_axis(split.x, np.asarray(where), axis=1)
  log_p = np.asarray(jax.nn.log_softmax(found))
  right = np.take_along_axis(log_p, labels[..., None], axis=-1)
  return float(-right.mean())


def counted(path: str) -> dict[str, float]:
  """Returns the validation loss of what counting gives, in nats.

  Args:
    path: Of the text.

  Returns:
    'uniform'; 'characters', by how often each occurs in the training part; and
    'pairs', by what followed the last one, each pair counted once more.
  """
  data = dataset(path)
  x, valid = data.train.x, data.valid.x
  pairs = np.ones((data.classes, data.classes))
  np.add.at(pairs, (x[:, :-1].ravel(), x[:, 1:].ravel()), 1)
  alone = np.bincount(x.ravel(), minlength=data.classes) + 1
  after = np.log(pairs / pairs.sum(axis=1, keepdims=True))
  return {
    'uniform': round(math.log(data.classes), 4),
    'characters': round(
      float(-np.log(alone / alone.sum())[valid[:, 1:]].mean()), 4
    ),
    'pairs': round(float(-after[valid[:, :-1], valid[:, 1:]].mean()), 4),
  }
