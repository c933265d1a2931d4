"""A verification cut into steps that can each be replayed alone.

An optimistic claim on chain is a proof together with what every step of its verification gives, the *data*. Whoever has
the data replays the steps in order; the first that gives something else than the data says, or whose equation fails,
is the one to show to the contract. Uses the plain verifier; imported by the chain's client.
"""

from concordat.zk.steps.layout import Layout, Step
from concordat.zk.steps.replay import Outcome, claim_data, find_failing_step, rewrite, steps

__all__ = ["Layout", "Outcome", "Step", "claim_data", "find_failing_step", "rewrite", "steps"]
