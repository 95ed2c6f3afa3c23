"""Topics: what is built parses back, and no id can break a topic or a subject."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import topics
from contract.errors import MessageError
from contract.ids import parse_epc, parse_slug

slugs = st.from_regex(r"\A[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?\Z")


@given(slugs, slugs, slugs, st.sampled_from(["observations", "hello", "receipt"]))
def test_stream_topics_parse_back_and_survive_the_mapping_to_subjects(store, agent, stream, leaf):
    topic = topics.stream_topic(topics.StreamAddress(store, agent, stream), leaf)
    assert topics.parse_stream_topic(topic) == ((store, agent, stream), leaf)
    assert topics.to_topic(topics.to_subject(topic)) == topic


@given(st.text(max_size=70))
def test_an_id_is_accepted_exactly_when_it_has_only_the_allowed_characters(text):
    allowed = (
        0 < len(text) <= 64
        and all(c in "abcdefghijklmnopqrstuvwxyz0123456789_-" for c in text)
        and text[0] not in "_-"
        and text[-1] not in "_-"
    )
    if allowed:
        assert parse_slug("zone", text) == text
    else:
        with pytest.raises(MessageError, match="not allowed"):
            parse_slug("zone", text)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "a/b",
        "shelfwise/v2/s/a/x/observations",
        "shelfwise/v1/S/a/x/observations",
        "shelfwise/v1/s/a/x/y/observations",
    ],
)
def test_other_topics_are_refused(topic):
    with pytest.raises(MessageError):
        topics.parse_stream_topic(topic)


def test_filters_become_subject_wildcards():
    assert topics.to_subject(topics.stream_filter("observations")) == "shelfwise.v1.*.*.*.observations"


@pytest.mark.parametrize("text", ["", "E2", "E20", "E2G0", "E200 " * 40])
def test_an_epc_is_whole_words_of_hex(text):
    with pytest.raises(MessageError):
        parse_epc(text)


def test_an_epc_has_one_spelling():
    assert parse_epc(" e280-1160 6000 ") == "E28011606000"
