"""From the figures of a hearing to what happened so far: it lies there, went in, went out, came near.

Softmax regression with reviewed coefficients: four linear scores and nothing hidden. Even figures weigh
alike for in and out, odd ones with opposite signs, so that a gate with its antennas exchanged gives the
exchanged answer. ``turned`` means: came near and is not through, which at the end of a hearing is a turn.

A tag is judged alone first. Where goods are carried, many tags at a time, it is judged again beside the
others: tags of one carrier are on the line together and go the same way. What neighbours say becomes
figures of a second regression, because their errors are not independent: boxes that somebody pushes aside
move together too. A gate that single items pass knows no neighbours.
"""

from functools import cached_property
from typing import Annotated, Final, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.sensing.gate_features import EVEN, ODD

Floats = NDArray[np.floating]
Carries: TypeAlias = Literal["goods", "items"]

CLASSES: Final = ("static", "in", "out", "turned")
STATIC: Final = 0
WAYS: Final = (1, 2, 3)
TURN_SHARE: Final = 0.3
"""Of what is carried to a gate, so much turns back."""

TOGETHER_S: Final = 0.7
"""How far the crossings of one carrier's tags lie apart, as a standard deviation."""

NEIGHBOURS: Final = (0.82, 0.07, 0.07, 0.04)
"""What a neighbour is before anything is known, in the order of CLASSES."""

AT_MOST_NATS: Final = 8.0
"""No judgement counts for more: it may be wrong."""

NO_WAY: Final = 1e-9
"""Below this a balance of ways is the rounding of a sum that cancels, whose root would depend on its order."""

BESIDE_EVEN: Final = (
    "own_pass",
    "own_turn",
    "own_pass_squared",
    "movers",
    "movers_root",
    "others",
    "share",
    "strongest",
    "passing",
    "turning",
    "own_movers",
    "own_share",
    "own_passing",
)
BESIDE_ODD: Final = ("own_way", "way", "way_root", "own_way_movers")


class Weights(NamedTuple):
    """A table as arrays, ready to be multiplied.

    Attributes:
        even: [figure, static, passing and turned], of figures as they are.
        bias: of the same.
        odd: [figure]: for in; for out it is negative.
        log_prior: [class].
    """

    even: Floats
    bias: Floats
    odd: Floats
    log_prior: Floats


class Softmax(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """One regression.

    Attributes:
        even_names, odd_names: the figures, in order.
        even_mean, even_scale: even figures are reduced by the mean and divided by the scale.
        odd_scale: odd figures are divided by it.
        prior: share of each class in training, in the order of CLASSES.
        bias: score of static, of passing and of turned without any figure.
        static, passing, turned: weights of the even figures.
        inwards: weights of the odd figures for in; for out they are negative.
    """

    even_names: tuple[str, ...]
    odd_names: tuple[str, ...]
    even_mean: tuple[float, ...]
    even_scale: tuple[float, ...]
    odd_scale: tuple[float, ...]
    prior: tuple[float, float, float, float]
    bias: tuple[float, float, float]
    static: tuple[float, ...]
    passing: tuple[float, ...]
    turned: tuple[float, ...]
    inwards: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse a table with a hole."""
        for names, tables in (
            (self.even_names, (self.even_mean, self.even_scale, self.static, self.passing, self.turned)),
            (self.odd_names, (self.odd_scale, self.inwards)),
        ):
            for weights in tables:
                if len(weights) != len(names):
                    raise ValueError(f"the gate's coefficients have {len(weights)} weights, not {len(names)}")

    @cached_property
    def weights(self) -> Weights:
        """The table as arrays, with the scales multiplied in."""
        even = np.array([self.static, self.passing, self.turned]).T / np.array(self.even_scale)[:, None]
        return Weights(
            even,
            np.array(self.bias) - np.array(self.even_mean) @ even,
            np.array(self.inwards) / np.array(self.odd_scale),
            np.log(self.prior),
        )


class Coefficients(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``scripts/train_gate.py`` found.

    Attributes:
        provenance: how it was found, for people.
        goods, items: a tag alone, at a gate that goods or single items pass.
        beside: a tag beside others, where goods pass; each table judges by what the one before it found.
    """

    provenance: dict[str, str]
    goods: Softmax
    items: Softmax
    beside: Annotated[tuple[Softmax, ...], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        """Refuse coefficients of other figures than this version computes."""
        for one, even, odd in (
            (self.goods, EVEN, ODD),
            (self.items, EVEN, ODD),
            *((table, BESIDE_EVEN, BESIDE_ODD) for table in self.beside),
        ):
            if one.even_names != even or one.odd_names != odd:
                raise ValueError("the gate's coefficients are for other figures than this version computes")


class Context(NamedTuple):
    """Figures of tags beside others: even [hearing, BESIDE_EVEN], odd [hearing, BESIDE_ODD]."""

    even: Floats
    odd: Floats


def log_evidence(even: Floats, odd: Floats, table: Softmax) -> Floats:
    """Return log likelihoods [hearing, CLASSES], up to a constant per hearing.

    The shares of the classes in training are taken out: what a gate expects is its own setting.
    """
    weights = table.weights
    scores = (even @ weights.even + weights.bias)[:, (0, 1, 1, 2)]
    inwards = odd @ weights.odd
    scores[:, 1] += inwards
    scores[:, 2] -= inwards
    found: Floats = normalised(scores) - weights.log_prior
    return found


def normalised(scores: Floats) -> Floats:
    """Return scores as log probabilities over the last axis."""
    above = scores - scores.max(axis=-1, keepdims=True)
    found: Floats = above - np.log(np.exp(above).sum(axis=-1, keepdims=True))
    return found


def beside(evidence: Floats, crossed_s: Floats) -> Context:
    """Return what its neighbours say of each tag.

    Args:
        evidence: :func:`log_evidence` of the tags, each alone.
        crossed_s: when each was on the line, if it passed. Tags of one carrier agree; a stray may say any time.
    """
    goes = np.clip(evidence[:, WAYS] - evidence[:, [STATIC]], -AT_MOST_NATS, AT_MOST_NATS)
    own_pass, own_turn = np.logaddexp(goes[:, 0], goes[:, 1]), goes[:, 2]
    own_way = goes[:, 0] - goes[:, 1]
    near = np.exp(-0.5 * ((crossed_s[:, None] - crossed_s) / TOGETHER_S) ** 2)
    np.fill_diagonal(near, 0.0)
    chance = np.exp(normalised(evidence + np.log(NEIGHBOURS)))
    passing, turning = chance[:, 1] + chance[:, 2], chance[:, 3]
    moving = passing + turning
    others, movers = near.sum(axis=1), near @ moving
    share = movers / (others + 0.5)
    passes, turns = near @ np.maximum(own_pass, 0.0), near @ np.maximum(own_turn, 0.0)
    way = near @ (chance[:, 1] - chance[:, 2])
    even = np.stack(
        [
            own_pass,
            own_turn,
            own_pass**2 / 6.0,
            movers,
            np.sqrt(movers),
            others,
            share,
            (near * moving).max(axis=1, initial=0.0),
            np.log1p(passes),
            np.log1p(turns),
            own_pass * np.sqrt(movers),
            own_pass * share,
            own_pass * np.log1p(passes),
        ],
        axis=1,
    )
    odd = np.stack(
        [own_way, way, way / np.sqrt(np.abs(way) + NO_WAY), own_way * np.sqrt(movers)],
        axis=1,
    )
    return Context(even, odd)


def chances(
    evidence: Floats, crossed_s: Floats, *, carries: Carries, moved_prior: float, coefficients: Coefficients
) -> Floats:
    """Return the probabilities [hearing, CLASSES] of tags that are heard at the same time.

    Args:
        evidence: :func:`log_evidence` of the tags, each alone.
        crossed_s: when each was on the line, if it passed.
        carries: whether tags are judged beside each other.
        moved_prior: how likely a tag that is heard is carried, before anything is known.
        coefficients: for the second judgement.
    """
    if carries == "goods":
        for table in coefficients.beside:
            context = beside(evidence, crossed_s)
            evidence = log_evidence(context.even, context.odd, table)
    way = moved_prior * (1.0 - TURN_SHARE) / 2.0
    found: Floats = np.exp(
        normalised(evidence + np.log([1.0 - moved_prior, way, way, moved_prior * TURN_SHARE]))
    )
    return found
