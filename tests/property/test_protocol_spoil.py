"""Spoilt messages are still messages that a contract can decode, and differ from what they were."""

from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from concordat.chain.translate import call_for
from concordat.protocol.claim_messages import ClaimMessage
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.memory import MemoryLedger
from concordat.protocol.messages import Message
from concordat.protocol.panel_messages import PanelMessage
from concordat.testing.conversation import Conversation
from concordat.testing.spoil import spoil
from concordat.testing.stage import Actor, Ladder

MODEL = Ladder(5)
ACTORS = [Actor(f"actor {i}") for i in range(3)]
ELSEWHERE = get_args(PanelMessage | ClaimMessage)
"""Kinds that have conversations of their own."""
KINDS = [kind for kind in get_args(Message) if kind not in ELSEWHERE]
LEDGER = MemoryLedger(judge=MODEL, modules={EvidenceKind.NATIVE: MODEL})


@given(st.randoms(use_true_random=False), st.sampled_from(KINDS))
def test_spoilt_message_of_any_kind_can_be_encoded(dice, kind):
    message = Conversation(LEDGER, MODEL, ACTORS).propose(dice, kind).message
    spoilt = spoil(message, dice)
    assert type(spoilt) is type(message) is kind
    assert call_for(spoilt)[0] == call_for(message)[0]


@given(st.randoms(use_true_random=False), st.binary(min_size=1, max_size=70))
def test_spoilt_bytes_differ_and_static_ones_keep_their_length(dice, value):
    spoilt = spoil(value, dice)
    assert spoilt != value
    assert len(value) not in (20, 32) or len(spoilt) == len(value)
