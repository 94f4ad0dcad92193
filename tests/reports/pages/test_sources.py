"""The page of the sources' experiments, on made-up results."""

from dataclasses import replace

import pandas as pd
import pytest
from made_reports import toys
from plans import experiments_of

from experiments.probes.published import CALLS, EXPERIMENTS
from experiments.study import schema
from experiments.tasks import DataSource
from experiments.tasks.imdb_store import OFFICIAL_SHA256
from experiments.training.trial import Trial
from reports.data import artifacts
from reports.data.results import Results
from reports.html.blocks import Details, Figure, Prose, Section, Table
from reports.html.once import folded
from reports.pages.sources import calls, experiments
from reports.pages.sources import page as sources
from reports.statistics import Estimate

TRAINED = [each for each in EXPERIMENTS if each.slug]
FIGURED = [each for each in EXPERIMENTS if each.accuracy]
GROUPS = experiments.groups()


def trials(reviews: DataSource = toys.REVIEWS) -> list[Trial]:
    """The trials that the study of the sources plans."""
    path = schema.find("seeds")
    return [
        Trial(spec, twin, "1.0", seed, reviews if spec.task.name == "imdb" else toys.SINE)
        for spec, count in experiments_of(path)
        for twin in ("tf2", "pytorch")
        for seed in range(count)
    ]


def results(planned: list[Trial], done: list[Trial]) -> Results:
    runs = [toys.run_of(trial) for trial in done]
    forecasts = {
        f"r{place}": run.files["forecast.csv"] for place, run in enumerate(runs) if "forecast.csv" in run.files
    }
    return replace(
        toys.results(planned, runs), forecasts={key: artifacts.forecast(text) for key, text in forecasts.items()}
    )


@pytest.fixture(scope="module")
def whole() -> Results:
    return results(trials(), trials())


@pytest.fixture(scope="module")
def empty() -> Results:
    return results(trials(), [])


def answers(**changed) -> dict:
    """What both frameworks give if everything is as printed."""
    printed = {
        twin: {call.name: dict(call.printed) for call in CALLS if twin in call.calls} for twin in ("tf2", "pytorch")
    }
    printed["tf2"] |= changed
    return printed


def kinds(section: Section) -> list[str]:
    return [block.template for block in section.blocks]


def text(section: Section) -> str:
    return " ".join(block.text for block in section.blocks if isinstance(block, Prose))


def table(section: Section) -> Table:
    blocks = [inner for block in section.blocks for inner in (block.blocks if isinstance(block, Details) else [block])]
    return next(block for block in blocks if isinstance(block, Table))


# --- the experiments


@pytest.mark.parametrize("experiment", FIGURED, ids=lambda each: each.name)
def test_printed_and_ours_stand_beside_each_other(whole, experiment):
    section = experiments.section(whole, (experiment,))
    assert kinds(section) == ["prose", "table", "figure"]
    shown = folded(table(section))
    assert [column.title for column in shown.columns][2:] == [
        "Test loss", "printed", "ours − printed", "Test accuracy, %", "printed", "ours − printed",
    ]  # fmt: skip
    assert len(shown.rows) == 4  # stock and keras, both twins
    row = shown.rows[0]
    assert [cell.text for cell in row[:2]] == ["stock", "TensorFlow 2"]
    assert shown.caption.endswith("Seeds: 3.")
    assert float(row[3].text) == experiment.loss
    assert row[4].sort == pytest.approx(0.4 - experiment.loss)
    assert float(row[6].text) == pytest.approx(100 * experiment.accuracy)
    assert row[7].sort == pytest.approx(row[5].sort - 100 * experiment.accuracy)
    assert "±" in row[7].text


@pytest.mark.drawn
def test_without_a_printed_figure_ours_stands_alone(whole):
    section = experiments.section(whole, GROUPS[0])
    assert kinds(section) == ["prose", "table"]
    assert [column.title for column in folded(table(section)).columns][3:] == ["Test loss", "Test accuracy, %"]
    assert "printed no figure" in text(section)


def test_experiments_with_the_same_settings_share_a_section(whole):
    section = experiments.section(whole, GROUPS[0])
    assert section.title == "6 experiments that printed no figure"
    assert [row[0].text for row in table(section).rows][::4] == [each.title for each in GROUPS[0]]
    assert sorted(each.name for group in GROUPS for each in group) == sorted(each.name for each in EXPERIMENTS)


@pytest.mark.parametrize("name", ["minimal-sine", "lstm-sine"])
def test_a_plot_is_shown_beside_a_plot(whole, name):
    (experiment,) = (each for each in EXPERIMENTS if each.name == name)
    section = experiments.section(replace(whole, printed=answers()), (experiment,))
    assert kinds(section)[:3] == ["prose", "figure", "table"]
    figure = next(block for block in section.blocks if isinstance(block, Figure))
    assert len(figure.panels) == 1, "another experiment's forecasts are shown too"


def test_an_experiment_of_calls_shows_its_call(whole):
    section = experiments.section(replace(whole, printed=answers()), EXPERIMENTS[-1:])
    (row,) = table(section).rows
    assert [cell.text for cell in row[2:]] == ["equal yes", "equal yes", "agrees"]


def test_one_experiments_trials_are_its_own(whole):
    sizes = [len(experiments.trials_of(whole, each)) for each in TRAINED]
    assert sum(sizes) == len(whole.trials)
    assert set(sizes) == {6, 12}


@pytest.mark.parametrize("group", [group for group in GROUPS if group[0].slug], ids=lambda group: group[0].name)
def test_nothing_run_is_said(empty, group):
    section = experiments.section(empty, group)
    assert "not yet run; there is nothing to show yet" in text(section)
    assert not any(isinstance(block, Figure) for block in section.blocks)


def test_half_run_shows_what_is_done_and_what_is_missing():
    planned = trials()
    chosen = results(planned, [trial for trial in planned if trial.framework == "tf2" and trial.seed == 0])
    section = experiments.section(chosen, (FIGURED[0],))
    assert "the results below are of those alone" in text(section)
    rows = table(section).rows
    assert [row[2].text for row in rows] == ["1", "0", "1", "0"]
    assert rows[0][8].note == "no interval"
    assert rows[1][8].text == "–"


# --- the page


def test_the_whole_page(whole):
    made = sources.sections(replace(whole, printed=answers()))
    names = [section.name for section in made]
    assert names == ["reviews", *(group[0].name for group in GROUPS), "calls", "published"]
    assert len(set(names)) == len(names)


def test_an_empty_page_is_made(empty):
    assert len(sources.sections(empty)) == len(GROUPS) + 3


def test_a_study_without_any_trial():
    nothing = results([], [])
    assert not sources.planned(nothing)
    assert len(sources.sections(nothing)) == len(GROUPS) + 3


def test_the_page_is_for_studies_that_hold_every_experiment(whole):
    assert sources.planned(whole)
    assert not sources.planned(results(toys.planned(), []))
    assert not sources.planned(replace(whole, trials=whole.trials[whole.trials.task == "imdb"]))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (toys.REVIEWS, "20,000 to train on, 5,000 to test on"),
        (toys.REVIEWS, "5,000 test reviews alone leave ±1.1 points"),
        (toys.REVIEWS, "the figures may differ"),
        (
            DataSource("imdb-keras", OFFICIAL_SHA256, None, "", 25_000, 25_000),
            "25,000 to test on), so the figures compare directly",
        ),
        (DataSource("imdb-mine", OFFICIAL_SHA256, None, ""), "so the figures compare directly"),
        (DataSource("imdb-mine", "e" * 64, None, ""), "of another file"),
    ],
)
def test_the_split_is_named(source, words):
    said = text(sources.reviews(results(trials(source), [])))
    assert words in said
    assert "25,000 reviews to train on and 25,000 to test on" in said


def test_a_difference_keeps_its_interval():
    assert experiments.minus(Estimate(83.0, 82.0, 84.0, 3), 81.77) == pytest.approx((1.23, 0.23, 2.23, 3))


# --- the calls


def test_all_calls_agree():
    section = calls.section(answers())
    assert text(section) == "17 of 17 calls made in this study give what was printed."
    assert {row[-1].text for row in table(section).rows} == {"agrees"}


def test_a_call_that_differs_is_named():
    section = calls.section(answers(lstm={"output": [2, 80, 64]}))
    assert text(section).startswith("16 of 17 calls made")
    (row,) = (row for row in table(section).rows if row[-1].text == "differs")
    assert row[0].text == "LSTM(64) on (2, 80, 100)"
    assert row[3].text == "output (2, 80, 64)"


def test_calls_not_made_are_missing():
    section = calls.section({"pytorch": answers()["pytorch"]})
    assert "Of 17 calls 7 were made." in text(section)
    assert sum(row[-1].text == "not called yet" for row in table(section).rows) == 10


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"bias": [3]}, "bias (3,)"),
        ({"equal": True, "largest difference": 7.5e-8}, "equal yes, largest difference 7.5·10⁻⁸"),
        ({"names": ["a", "b"]}, "names a and b"),
    ],
)
def test_answers_in_words(value, words):
    assert calls.in_words(value) == words


@pytest.mark.parametrize("broken", ["", "[]", '{"lstm": 3}'])
def test_what_is_no_answer_is_refused(broken):
    with pytest.raises(ValueError):
        artifacts.source_calls(broken)


def test_epochs_tell_experiments_of_one_slug_apart(whole):
    other = whole.trials.assign(epochs=99)
    both = replace(whole, trials=pd.concat([whole.trials, other]))
    assert experiments.trials_of(both, TRAINED[0]).epochs.unique().tolist() == [4]
