"""Self-distillation: shallow parts of a network learn from its deepest."""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
from typing import Any

from flax import linen
import jax
import jax.numpy as jnp

from effnas import errors
from effnas.learn.distillation import soft, terms, unlabelled


@dataclasses.dataclass(frozen=True)
class Exits(terms.Term):
  """A classifier behind each of some modules, taught by labels and the network.

      sum over exits of (1 - a) CE(y, e) + a T^2 KL(softmax(s / T) || e at T)

  An exit is a linear layer on the mean over positions; it trains with the
  network and is dropped with the training. Nothing flows back into the logits s
  from what they teach.

  Attributes:
    modules: Paths of the modules.
    temperature: T, more than 0.
    alpha: a, from 0 to 1.
    classes: Number of classes; `sized` fills it in.

  Reference:
    Zhang et al., 2019, Be Your Own Teacher, https://arxiv.org/abs/1905.08094
    (without its bottlenecks and its third term, on features)
  """

  modules: tuple[str, ...] = ()
  temperature: float = dataclasses.field(default=3.0, compare=False)
  alpha: float = dataclasses.field(default=0.5, compare=False)
  classes: int = dataclasses.field(default=0, kw_only=True)

  def __post_init__(self):
    """Checks the settings."""
    super().__post_init__()
    terms.check('temperature', self.temperature, above=0)
    terms.check('alpha', self.alpha, least=0, most=1)
    if isinstance(self.modules, str) or not self.modules:
      raise errors.UserError(
        "exits stand behind modules: name their paths, as ['stages/1']; got "
        f'{self.modules!r}'
      )
    object.__setattr__(self, 'modules', tuple(self.modules))

  def asks_teachers(self) -> bool:
    """Says no: the network teaches itself."""
    return False

  def taps(self) -> Sequence[str]:
    """Returns the paths of the modules."""
    return self.modules

  def sized(self, widths: Callable[[int, str], int], classes: int) -> 'Exits':
    """Returns the term with the number of classes."""
    del widths
    return dataclasses.replace(self, classes=classes)

  def heads(self) -> Mapping[str, Any]:
    """Returns the classifiers."""
    return {str(i): linen.Dense(self.classes) for i in range(len(self.modules))}

  def numbers(self) -> Mapping[str, float]:
    """Returns weight, temperature and alpha."""
    return {
      **super().numbers(),
      'temperature': self.temperature,
      'alpha': self.alpha,
    }

  def __call__(
    self, scene: terms.Scene, numbers: Mapping[str, Any]
  ) -> jax.Array:
    """Returns the loss of a batch."""
    heat, alpha = numbers['temperature'], numbers['alpha']
    deep = jax.lax.stop_gradient(scene.student.logits)
    targets = soft.pooled([deep], heat)
    total = jnp.float32(0)
    for i, path in enumerate(self.modules):
      feature = terms.output(scene.student, path)
      told = scene.head(str(i), terms.embedding(feature))
      hard = unlabelled.cross_entropy(told, scene.batch.labels, scene.smoothing)
      total += (1 - alpha) * hard
      total += alpha * soft.soft_labels(told, targets, heat)
    return total
