"""Every name under which the vault, the market and the court refuse a message.

The names are those of the Solidity custom errors; `refusal` turns one into the matching Python error, whether the
pure rules raise it or a chain answers with its selector.
"""

from __future__ import annotations

from typing import Any

from concordat.primitives.errors import DisputeError, FundsError, OrderError, ProtocolError

__all__ = ["CLAIM_REFUSALS", "REFUSALS", "REPLICATION_REFUSALS", "refusal", "require"]

_ORDER: dict[str, tuple[str, str]] = {
    "NotProvider": ("Only the order's provider can do this.", "Send it from the provider's account."),
    "OfferExpired": ("The offer could be accepted until an earlier time.", "Ask the client for a new order."),
    "BadTerms": (
        "The order's terms contradict each other.",
        "It needs acceptBy <= deliverBy, a price, a window that ends before 2106, and an evidence policy.",
    ),
    "WrongStatus": ("The order is not in a state that allows this.", "Look at the order's state first."),
    "BadSignature": ("The signature is not that of the party named in the order.", "Check chain id, market and key."),
    "DeliveryLate": ("The delivery time has passed.", "Anybody may now expire the order."),
    "OutputSize": ("An output has between 1 and 1,024 bytes.", ""),
    "WrongResult": ("This is not the result that was delivered.", "Take it from the Delivered event."),
    "NoModule": ("No contract here checks that kind of evidence.", ""),
    "NotClaimed": (
        "An order that asks for a proof takes no bare result.",
        "Prove it; or post a claim for this result first, where the market's module takes claims.",
    ),
    "NotInPolicy": ("The order's policy is not met by that evidence.", "Deliver, or bring the evidence it names."),
    "EvidenceRejected": ("The evidence does not hold for this output.", ""),
    "DisputesOpen": ("A dispute about this order is open.", "Wait until it is decided or times out."),
    "WindowOpen": ("The challenge window has not passed yet.", "Try again when it has."),
    "JustTaken": ("An open order is not delivered in the second in which it was taken.", "Send it a block later."),
    "NotExpired": ("The delivery time has not passed yet.", "Try again when it has."),
}
_FUNDS: dict[str, tuple[str, str]] = {
    "InsufficientFree": ("The account's free balance in the vault is too small.", "Deposit more."),
    "InsufficientFunds": ("The account holds too few settlement tokens.", "Get more tokens."),
    "AmountTooLarge": ("The vault counts in 128 bits.", "Give a smaller amount."),
    "ZeroAmount": ("An amount of zero moves nothing.", "Give a positive amount."),
}
_DISPUTE: dict[str, tuple[str, str]] = {
    "FindNotCommitted": ("The find was not committed in an earlier block.", "Send CommitFind and wait for a block."),
    "WrongModel": ("This is not the model that the order names.", "Take it from the registry."),
    "BadOpening": ("The opened words do not lead to the committed roots, or are not the ones asked for.", ""),
    "NoFraud": ("What was shown is correct.", "There is nothing to challenge here."),
    "WindowClosed": ("The challenge window has passed.", ""),
    "DisputeExists": ("This challenger already disputes this order.", "Go on with that dispute."),
    "TooManyDisputes": ("The order has as many open disputes as its slot can count.", "Prove the fraud directly."),
    "NoDispute": ("There is no such dispute.", ""),
    "WrongTurn": ("It is another move's turn in this dispute.", "Follow the dispute's events."),
    "TooLate": ("The time for this move has passed.", "Anybody may now end the dispute."),
    "BadChildren": ("These are not the descendants of the node in question.", ""),
    "BadIndex": ("There is no child at that place.", ""),
    "NotTimedOut": ("The mover still has time.", "Try again after the deadline."),
}
_DEMAND: dict[str, tuple[str, str]] = {
    "NotClient": ("Only the order's client can do this.", "Send it from the client's account."),
    "NotPrivate": ("The order's policy keeps nothing private.", "Its output is the delivered one."),
    "NotOpened": ("The private result has not been opened.", "Its client can open it, or demand that it be opened."),
    "AlreadyOpened": ("The private result has been opened already.", "Take it from the ResultOpened event."),
    "NothingToDemand": ("The whole output was delivered.", "Take it from the Delivered event."),
    "DemandExists": ("This part was demanded or shown before.", "Take it from the Supplied event, or wait for it."),
    "NoDemand": ("No demand for this part is open.", ""),
}
_REPLICATION: dict[str, tuple[str, str]] = {
    "BadTickets": ("A member of the pool has between 1 and 65,535 tickets.", "Give another number."),
    "PoolFull": ("The pool has 4,096 members.", "Wait until one has left."),
    "NotMember": ("The account is no member of the pool, or has no stake left in it.", "Join it first."),
    "Leaving": ("The member has left, and his stake is still bound.", "Join again when it is free."),
    "StillBound": ("The stake is not free yet.", "Try again when it is."),
    "AlreadySealed": ("The order's result is sealed already.", "Deliver that result."),
    "NotSealed": ("The order's result must be sealed first.", "Send SealResult, and let replicas be drawn."),
    "AlreadyDrawn": ("Replicas are drawn already.", "Follow the order's events."),
    "DrawTooEarly": ("The block that draws is not there yet.", "Wait for the next block."),
    "BadHeader": ("This is not the header of the block that draws.", "Ask another endpoint for it."),
    "PoolEmpty": ("Nobody in the pool can be drawn for this order.", "Deliver without replicas when the time is over."),
    "TooEarly": ("The time for this has not come.", "Try again later."),
    "NoSeat": ("The account has no such seat.", "Follow the order's events."),
    "BadReveal": ("This is not what the replica committed to.", "Reveal result and salt of the commitment."),
    "CommitsOpen": ("Replicas still have time to commit.", "Deliver when all have, or when their time is over."),
    "SeatsOpen": ("A replica's seat is not settled yet.", "Settle it first."),
}
_CLAIM: dict[str, tuple[str, str]] = {
    "NotAdmitted": ("Nobody has shown that claims about this relation can be judged.", "Admit it, or prove in full."),
    "TooLarge": ("The relation or its proofs are too large to be judged in one transaction.", "Prove in full."),
    "DataSize": ("The data of a claim has between 1 and 126,976 bytes.", "Prove in full."),
    "ClaimExists": ("There is a claim for this result already.", "Deliver it."),
    "NoClaim": ("There is no such claim.", "Take it from the ClaimPosted event."),
    "HalfNotShown": ("The lower half of the blob was not shown.", "Send ShowHalf and wait for it."),
    "BadBlob": ("The transaction has no such blob, or it is another.", ""),
    "Unjudged": ("The step could not be replayed.", "Open all that it reads, and send more gas."),
}
_REGISTRY: dict[str, tuple[str, str]] = {
    "AlreadyRegistered": ("This artifact is registered already.", "Nothing is left to do, or change its manifest."),
    "UnknownParent": ("A parent of the artifact is not registered.", "Register what it descends from first."),
    "TooManyParents": ("An artifact has at most 64 parents.", "Register a data set that stands for several."),
    "WrongKind": ("A model is registered with its commitment, anything else without.", ""),
    "NotOwner": ("Only the artifact's owner can do this.", "Send it from the owner's account."),
    "ERC2981InvalidTokenRoyalty": ("A royalty is between 0 and 10,000 hundredths of a per cent.", ""),
    "ERC721InvalidReceiver": ("Nobody can own an artifact at the zero address.", ""),
    "ERC721InsufficientApproval": ("Only the artifact's owner can give it away.", "Send it from the owner's account."),
}
_EFFECT: dict[str, tuple[str, str]] = {
    "BadSource": ("The source's schedule, shape or quorum is impossible.", "More than half of the signers must sign."),
    "BadSteward": ("The steward's terms contradict each other or the source's.", "See docs/explain/effects.md."),
    "EpochNotOpen": ("The epoch has not begun.", "Wait until it has, or name the one that runs."),
    "EpochClosed": ("The time for this epoch is over.", "Go on with the epoch that runs."),
    "EpochDone": ("This epoch or a later one has its decision.", "Nothing is left to do for it."),
    "AlreadyObserved": ("The epoch has its input already.", "Order a decision about that input."),
    "BadObservation": ("The words are not an input, or not the one that was signed.", "Sign the root of these words."),
    "TooFewSigners": ("Too few of the named signers signed, or somebody else did.", "Sort signatures by signer."),
    "NotObserved": ("Nobody observed this epoch.", "Observe it first, while it can be."),
    "WrongEffect": ("The order does not name this steward, epoch and source.", "Order with the steward's effect."),
    "OtherModel": ("The order is for another model than the one followed.", ""),
    "WrongInput": ("The order's input is not the one observed.", "Order with the observed input."),
    "NotSettled": ("The order is not paid on this market.", "Wait until it is."),
    "EvidenceTooWeak": (
        "What counts here of the order's evidence does not fulfil its policy.",
        "A client's release never counts; windows, bonds and replicas must reach the steward's least.",
    ),
    "OutputTooShort": ("The delivered output does not have the number.", ""),
    "NoContradiction": ("The order does not contradict the epoch's decision, or is weaker evidence.", ""),
    "StewardStopped": ("The steward is stopped.", "Its governor can let it go on."),
    "NotGuardian": ("Only guardian or governor can stop the steward.", ""),
    "NotGovernor": ("Only the governor can let the steward go on.", ""),
    "NotStopped": ("The steward is not stopped.", ""),
}
_STANDARDS: dict[str, tuple[str, str]] = {
    "AlreadyUsed": ("This order was rated before, or its fee is paid.", "An order is rated once."),
    "ForeignAgent": ("The order's provider is not the wallet of that agent.", "Name the provider's own agent."),
    "SelfFeedback": ("Nobody rates himself.", "Whoever owns, serves or is paid for the agent cannot rate it."),
    "NoSettledOrder": ("Feedback needs a settled order.", "Admit a paid or slashed order of yours first."),
    "BadValue": ("A value has at most 18 decimals and a tag at most 64 bytes.", ""),
    "UnknownFeedback": ("There is no such feedback.", "Indices begin at 1."),
    "AlreadyRevoked": ("This feedback was taken back already.", ""),
    "RequestExists": ("Somebody used this request's hash before.", "Ask again: the salt makes another one."),
    "NothingToSay": ("The order says nothing new.", "Wait until something happens to it."),
    "NotEvaluator": ("The job has another evaluator.", ""),
    "AlreadyBacked": ("The job is backed already.", "A job is backed by one order, once."),
    "NotBacked": ("That order does not back the job.", "Back the job first."),
    "WrongDescription": (
        "The job's description does not ask for this order.",
        "It must begin with concordat:1: and the hash of model, input, policy, window, bond and terms.",
    ),
    "ExpiresTooSoon": (
        "The job could expire before it is decided.",
        "It must outlast delivery, window, the longest dispute and an hour.",
    ),
    "Undecided": ("Nothing is due for this job yet.", "Wait for the order's end, or for the latest decision."),
    "NothingToCollect": ("The order brought nothing, or it was collected.", ""),
    "NoCredit": ("There is no credit to withdraw.", ""),
    "ModelNotFound": ("The verifier does not know this model.", "Its owner can register it."),
    "NotModelOwner": ("Only the model's owner can do this.", "Send it from the owner's account."),
    "ModelMismatch": ("These hashes are not those of a published model, or are registered already.", ""),
    "UnsupportedProofSystem": ("Nothing here checks proofs of that system.", ""),
    "InvalidProof": ("The proof does not show it.", "Show the input's words and their salt."),
    "NotVerified": ("That is not, for good, what the order was paid for.", "Wait until it is settled."),
}
_ACCOUNT: dict[str, tuple[str, str]] = {
    "NumberUsed": ("The account has made a batch of that number or a later one.", "Sign it again, under the next."),
    "BatchExpired": ("The batch was good until an earlier time.", "Sign it again."),
    "BadSignatures": (
        "The signatures are not those of enough of the account's signers over this batch.",
        "If its key was rotated, open the account anew.",
    ),
    "WrongIndex": ("A counted key signed under another index than the batch's number asks for.", "Sign it again."),
    "LastIndex": ("The key's last index is for changing the signers.", "Rotate: concordat account rotate"),
    "OnlyAccount": ("Only the account itself can do this, by a batch.", ""),
    "CallFailed": ("A call of the batch failed without saying why.", ""),
    "MultiSignerERC7913UnreachableThreshold": (
        "The signers that stay do not reach the weight that a batch needs.",
        "Add another signer first.",
    ),
}

REFUSALS: dict[str, type[ProtocolError]] = {
    **dict.fromkeys(_ORDER, OrderError),
    **dict.fromkeys(_FUNDS, FundsError),
    **dict.fromkeys(_DISPUTE | _DEMAND, DisputeError),
    **dict.fromkeys(_REPLICATION, OrderError),
    **dict.fromkeys(_CLAIM, OrderError),
}
"""Class of each refusal of vault, market and court; those of registry, effects and faces are plain
`ProtocolError`."""
REPLICATION_REFUSALS = frozenset(_REPLICATION)
"""Those of the pool of replicas and its panels."""
CLAIM_REFUSALS = frozenset(_CLAIM)
"""Those of the court of proofs."""
_SENTENCES = _ORDER | _FUNDS | _DISPUTE | _DEMAND | _REPLICATION | _CLAIM | _REGISTRY | _EFFECT | _ACCOUNT | _STANDARDS


def refusal(code: str, **fields: Any) -> ProtocolError:
    """The error of that name, with its sentence and hint.

    Parameters
    ----------
    code : str
        Name of the custom error; an unknown one gives a plain `ProtocolError`.
    **fields
        Typed details.
    """
    sentence, hint = _SENTENCES.get(code, (f"The contract refused: {code}.", ""))
    return REFUSALS.get(code, ProtocolError)(sentence, code=code, hint=hint, **fields)


def require(condition: bool, code: str, **fields: Any) -> None:
    """Refuse with that code unless the condition holds."""
    if not condition:
        raise refusal(code, **fields)
