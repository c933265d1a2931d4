"""What the explanations name is there: tests, modules, words; and the drawing is a drawing."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from docpages import ROOT

from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.order import OrderStatus

THREATS = (ROOT / "docs" / "explain" / "threat-model.md").read_text()
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
STORY = ("artifact", "registry", "order", "execution", "evidence", "settlement", "record", "verification")


def defined_tests() -> set[str]:
    """Names of all tests, Python and Solidity."""
    sources = [*(ROOT / "tests").rglob("test_*.py"), *(ROOT / "contracts" / "test").rglob("*.sol")]
    pattern = re.compile(r"(?:def|function) ((?:test|invariant)\w+)")
    return {name for path in sources for name in pattern.findall(path.read_text())}


def test_threat_model_names_only_tests_that_exist() -> None:
    named = set(re.findall(r"`((?:test|invariant)_\w+)`", THREATS))
    assert len(named) > 40
    assert named - defined_tests() == set()


def test_threat_model_has_a_row_for_every_rule_of_orders_and_disputes() -> None:
    rules = (ROOT / "docs" / "explain" / "orders-and-disputes.md").read_text()
    rules = rules.partition("Why each rule is there")[2]
    count = len(re.findall(r"^\| (?!rule|---)", rules, re.MULTILINE))
    rows = THREATS.partition("## Rules of the market")[2].partition("\n## ")[0]
    assert len(re.findall(r"^\| (?!rule|---)", rows, re.MULTILINE)) >= count


def test_threat_model_speaks_of_every_kind_of_evidence() -> None:
    names = {kind.name.lower().replace("_", "-").replace("client-release", "client release") for kind in EvidenceKind}
    assert {name for name in names if name not in THREATS} == set()


def test_glossary_has_each_word_once_in_alphabetical_order() -> None:
    words = re.findall(r"^\| \*\*([^*]+)\*\*", GLOSSARY, re.MULTILINE)
    assert words == sorted(set(words))


@pytest.mark.parametrize("word", [*STORY[:3], "client", "provider", "challenger", "validator", "bond", "stake",
                                  "evidence", "record", "bundle", "effect", "guard", "trust root"])  # fmt: skip
def test_glossary_has_the_word_of_the_design(word: str) -> None:
    assert re.search(rf"^\| \*\*{word}\*\* \| \S+ ", GLOSSARY, re.MULTILINE)


def test_glossary_has_every_kind_of_evidence_and_state_of_an_order() -> None:
    text = GLOSSARY.lower().replace(" release", "-release")
    assert [kind.name for kind in EvidenceKind if kind.name.lower().replace("_", "-") not in text] == []
    states = [status.name.lower() for status in OrderStatus if status is not OrderStatus.NONE]
    assert [name for name in states if name not in text] == []


def test_story_words_are_modules_of_the_protocol_and_steps_of_the_drawing() -> None:
    drawing = ElementTree.parse(ROOT / "docs" / "explain" / "story.svg").getroot()
    words = [item.text for item in drawing.iter("{http://www.w3.org/2000/svg}text") if item.get("class") == "word"]
    assert [word for word in words if word in STORY] == list(STORY)
    assert all((ROOT / "src" / "concordat" / "protocol" / f"{word}.py").exists() for word in STORY)


def test_story_drawing_is_legible_in_light_and_dark() -> None:
    text = (ROOT / "docs" / "explain" / "story.svg").read_text()
    assert "prefers-color-scheme: dark" in text
    assert re.search(r"<title .*?<desc ", text, re.DOTALL)


@pytest.mark.parametrize("page", ["README.md", "docs/explain/architecture.md"])
def test_page_names_only_source_paths_that_exist(page: str) -> None:
    text = (ROOT / page).read_text()
    paths = re.findall(r"`((?:src|contracts|tests|scripts|native|docs|examples)/[\w./*-]*)`", text)
    assert [path for path in paths if not list(ROOT.glob(path.rstrip("/")))] == []
    modules = re.findall(r"`((?:protocol|client|graph|storage|verify)/(?:\{[\w,]+\}|\w*)(?:\.py)?)", text)
    for module in modules:
        head, _, tail = module.partition("/")
        names = tail.removesuffix(".py").strip("{}").split(",") if tail else [""]
        assert [n for n in names if n and not list((ROOT / "src" / "concordat" / head).glob(f"{n}*"))] == []
