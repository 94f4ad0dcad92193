"""How a campaign draws its faults."""

import random
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

from experiments.faults.campaign import LINES, Deck, Moments
from experiments.faults.kinds import KINDS, Site, possible


def test_each_kind_comes_as_often_as_the_others_and_again_where_it_missed():
    deck = Deck("abc", random.Random(1))
    assert Counter(deck.draw() for _ in range(30)) == {"a": 10, "b": 10, "c": 10}
    missed = deck.draw()
    deck.put_back(missed)
    assert deck.draw() == missed


def test_a_moment_comes_after_some_lines():
    study = SimpleNamespace(lines=0)
    moments = Moments(study, random.Random(2))
    moments._line, moments._later = 2, 0.0
    assert not moments.reached()
    study.lines = 2
    assert moments.reached()
    moments.draw()
    assert 2 <= moments._line <= 2 + LINES


def test_a_site_has_the_kinds_of_what_it_consists_of():
    alone = Site("alone", Path())
    assert possible(alone) == ["parent", "worker", "stopped", "disk", "clock", "locked"]
    assert set(possible(Site("all", Path(), ray=object(), server=object(), postgres=object()))) == set(KINDS) - {
        "locked"
    }
