"""The gate's classifier: probabilities, symmetry, neighbours, and coefficients that fit the code."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge.config import gate_coefficients
from edge.sensing.gate_classifier import STATIC, Coefficients, beside, chances, log_evidence
from edge.sensing.gate_features import EVEN, ODD

evidences = st.integers(1, 8).flatmap(lambda rows: arrays(float, (rows, 4), elements=st.floats(-30.0, 0.0)))
SWAPPED = [0, 2, 1, 3]


def judged(evidence, carries="goods", crossed_s=None, moved_prior=0.1):
    crossed_s = np.zeros(len(evidence)) if crossed_s is None else np.array(crossed_s)
    return chances(
        np.array(evidence),
        crossed_s,
        carries=carries,
        moved_prior=moved_prior,
        coefficients=gate_coefficients(),
    )


@given(evidences, st.sampled_from(["goods", "items"]))
def test_chances_are_probabilities_and_exchanged_sides_exchange_in_and_out(evidence, carries):
    found = judged(evidence, carries)
    assert found.sum(axis=1) == pytest.approx(np.ones(len(evidence)))
    np.testing.assert_allclose(judged(evidence[:, SWAPPED], carries), found[:, SWAPPED], atol=1e-9)


@given(evidences)
def test_items_do_not_know_their_neighbours(evidence):
    np.testing.assert_allclose(judged(evidence, "items")[0], judged(evidence[:1], "items")[0])


def test_a_doubtful_tag_is_believed_in_the_company_of_those_that_passed_at_its_time():
    doubtful, passed = [-2.0, -0.5, -2.5, -1.5], [-9.0, 0.0, -6.0, -3.0]
    alone = judged([doubtful])[0]
    beside_them = judged([doubtful, *[passed] * 6])[0]
    later = judged([doubtful, *[passed] * 6], crossed_s=[8.0, *[0.0] * 6])[0]
    assert beside_them[1] > 0.5 > alone[1]
    np.testing.assert_allclose(later, alone, atol=1e-6)


def test_a_higher_share_of_carried_tags_makes_each_likelier_carried():
    evidence = [[-1.0, -1.0, -2.0, -2.0]]
    rare, often = (judged(evidence, "items", moved_prior=share)[0, STATIC] for share in (0.05, 0.6))
    assert rare > often


@given(evidences)
def test_what_neighbours_say_does_not_depend_on_their_order(evidence):
    order = np.arange(len(evidence))[::-1]
    times = np.linspace(0.0, 2.0, len(evidence))
    plain, turned = beside(evidence, times), beside(evidence[order], times[order])
    np.testing.assert_allclose(turned.even[order], plain.even, atol=1e-9)
    np.testing.assert_allclose(turned.odd[order], plain.odd, atol=1e-9)


def test_the_evidence_is_the_softmax_of_the_table_without_its_shares():
    table = gate_coefficients().items
    even, odd = np.array([table.even_mean]), np.zeros((1, len(ODD)))
    static, passing, turned = table.bias
    scores = np.array([static, passing, passing, turned])
    wanted = scores - np.log(np.exp(scores).sum()) - np.log(table.prior)
    np.testing.assert_allclose(log_evidence(even, odd, table)[0], wanted)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"even_names": EVEN[::-1]}, "other figures"),
        ({"odd_names": ("x", *ODD[1:])}, "other figures"),
        ({"static": (0.0,)}, "weights"),
    ],
)
def test_coefficients_of_other_figures_are_refused(change, said):
    known = msgspec.to_builtins(gate_coefficients())
    known["goods"] |= change
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert(known, Coefficients)
