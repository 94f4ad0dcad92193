"""The front page's answer to the question which default makes the difference."""

import re
from dataclasses import replace

import pytest
from made_reports import toys
from made_reports.html_elements import page_of
from made_reports.switches import planned, results, table

from experiments.conventions import TABLE
from reports.html.blocks import Code, Details, Figure
from reports.pages.defaults import in_words, page, tables
from reports.pages.defaults.effects import judged
from reports.pages.index import headline
from reports.pages.index import page as index


@pytest.fixture(scope="module")
def whole():
    return results(planned(table(), table(design="corners")))


def test_the_first_sentence_names_costs_with_intervals_and_what_does_nothing(whole):
    number = r"\d\.\d"
    pattern = (
        rf"For an LSTM on IMDB, after 2 epochs: PyTorch's N\(0,\s1\) embedding costs {number} points "
        rf"\(95% interval {number} to {number}, n\s=\s8\); Keras's time-shared dropout on every input costs {number} "
        rf"points \({number} to {number}\); Adam's epsilon changes nothing beyond ±0\.5 points\."
    )
    assert re.fullmatch(pattern, index.opening(whole))


def test_the_index_opens_with_it(whole):
    html = page_of(whole, "index.html")["index.html"]
    headlines = re.findall(r'<p class="headline">(.*?)</p>', html)
    assert len(headlines) == 1 and headlines[0].startswith("For an LSTM on IMDB, after 2 epochs: PyTorch")


def test_a_study_that_switches_nothing_opens_with_the_stock_difference():
    trials = toys.planned()
    made = toys.results(trials, [toys.run_of(trial) for trial in trials])
    assert index.opening(made) == headline.first(made)


def test_one_seed_is_no_answer_yet():
    one = results(planned(table(seeds=1, both=0.0)))
    assert index.opening(one) == page.NONE_YET == page.answer(one)[0].text


def test_the_chart_and_both_recipes_follow(whole, monkeypatch):
    figure, folded = page.answer(whole)
    assert isinstance(figure, Figure) and len(figure.panels) == 1
    assert isinstance(folded, Details) and [type(block) for block in folded.blocks] == [Code, Code]
    assert "nn.init.uniform_" in folded.blocks[0].text and "adam" not in folded.blocks[0].text
    monkeypatch.setattr(page, "MOST_LINES", 100)
    assert page.answer(whole)[1:] == folded.blocks


def test_a_recipe_shows_three_fields_and_folds_the_rest(whole):
    (setting,) = judged(whole)
    strong = [effect._replace(differs=0.0) for effect in (*setting.last.main, *setting.last.main[:2])]
    fields = ("embedding", "dropout", "adam", "head", "kernel")
    blocks = tables.recipes(setting.last._replace(over_design=strong), replace(setting.switches, fields=fields))
    assert [type(block) for block in blocks] == [Code, Code, Details]
    assert sum(field in blocks[0].text for field in (f"# {name}" for name in fields)) == 3
    assert sum(field in blocks[2].blocks[0].text for field in (f"# {name}" for name in fields)) == 2


def test_without_a_shown_effect_it_says_so(whole):
    (setting,) = judged(whole)
    main = [effect._replace(differs=1.0, equal=1.0) for effect in setting.last.main]
    weak = setting._replace(epochs=[setting.last.with_main(main)])
    assert "no default is shown to move the result (n\xa0=\xa08)" in in_words.headline(weak)
    assert tables.recipes(weak.last, setting.switches) == []


def test_every_field_of_the_conventions_has_its_words():
    assert set(TABLE) <= set(in_words.NAMES)
