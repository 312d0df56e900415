"""The guide for users names what is there: words of the page, keys, operators of the search field, phrases that are tried."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDES = {"en": ROOT / "docs/USER_GUIDE.md", "fr": ROOT / "docs/USER_GUIDE.fr.md"}
UI = ROOT / "webd/ui/src"

pytestmark = pytest.mark.skipif(not GUIDES["en"].exists(), reason="a copy without documents")


def prose(language):
    return re.sub(r"^```.*?^```", "", GUIDES[language].read_text(), flags=re.M | re.S)


def words(language):
    """All that the page says in that language."""
    assistant = (UI / "assistant/words.ts").read_text()
    english, _, french = assistant.partition("\nconst fr: ")
    text = (UI / f"i18n/{language}.ts").read_text() + (french if language == "fr" else english)
    return re.sub("[\u00a0\u202f]", " ", "\n".join(a or b for a, b in re.findall(r"'((?:[^'\\\n]|\\.)+)'|`([^`]+)`", text)))


@pytest.mark.parametrize("language", GUIDES)
def test_words_in_bold_stand_on_the_page(language):
    """Labels are in bold where they do not begin a paragraph."""
    text, there, seen = prose(language), words(language), 0
    for m in re.finditer(r"\*\*([^*]+)\*\*", text):
        label = " ".join(m[1].split())
        if text[:m.start()].endswith("\n\n") and (label[-1] in ".?" or text[m.end():m.end() + 1] in ", :") and label not in there:
            continue
        if label in ("⋯", "+") or label[0].islower():
            continue
        assert label.rstrip(" …") in there, label
        seen += 1
    assert seen > 50


@pytest.mark.parametrize("language", GUIDES)
def test_phrases_are_tried(language):
    """Each is one of those that test_assistant_phrases.py says to the assistant."""
    said = {x["say"] for x in json.loads((ROOT / f"tests/data/phrases_{language}.json").read_text())}
    heading = {"en": "## The assistant", "fr": "## L’assistant"}[language]
    table = "\n".join(x for x in prose(language).partition(heading)[2].partition("\n## ")[0].splitlines() if x.startswith("|"))
    phrases = re.findall(r'"([^"]+)"', table)
    assert len(phrases) > 15
    for p in phrases:
        assert p in said, p


@pytest.mark.parametrize("language", GUIDES)
def test_operators_are_tried(language):
    table = next(t for t in re.findall(r"(?:^\|.*\n)+", prose(language), re.M) if "from:bob" in t)
    tried = {x["typed"] for x in json.loads((ROOT / "tests/data/search_operators.json").read_text())["cases"] if not x.get("odd")}
    used = {w.lower() for t in tried for w in t.split()} | {t.lower() for t in tried}
    for row in table.splitlines()[2:]:
        for what in re.findall(r"`([^`]+)`", row.split("|")[1]):
            assert what.lower() in used, what
    known = set(re.findall(r"^\t'([a-z]+:)", (UI / "store/search.ts").read_text(), re.M))
    assert len(known) > 8
    for operator in known:
        assert operator in table, operator


@pytest.mark.parametrize("language", GUIDES)
def test_keys_are_those_of_the_page(language):
    source = (UI / "commands.ts").read_text()
    keys = {k for line in re.findall(r"keys: \[(.*?)\](?:\[|,|\})", source) for k in re.findall(r"'([^']+)'", line)}
    table = next(t for t in re.findall(r"(?:^\|.*\n)+", prose(language), re.M) if "Ctrl+K" in t)
    told = {k for row in table.splitlines()[2:] for k in re.findall(r"`([^`]+)`", row.split("|")[1])} - {"Escape"}
    assert len(keys) > 30 and told == keys, told ^ keys
