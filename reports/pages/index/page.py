"""The front page: what was asked, what the results answer, and what is still missing."""

from collections import Counter

import pandas as pd

from reports.data.comparable import FORMS, layers, ordered, reviews
from reports.data.results import BASES, Results
from reports.html.blocks import Block, Cell, Column, Details, Group, Link, Prose, Section, Table
from reports.html.format import count, listed, name
from reports.pages.accuracy import conventions, twin_losses
from reports.pages.chars import page as chars
from reports.pages.defaults import page as defaults
from reports.pages.index import headline
from reports.pages.parity import page as parity
from reports.pages.shapes import page as shapes
from reports.pages.speed import page as speed
from reports.pages.traps import page as traps

TITLE = "The same network, written twice"
LEAD = (
    "A recurrent network in TensorFlow 2 and in PyTorch, made from one description that knows neither, so that "
    "whatever difference is left to measure is the framework's own."
)
MOST_ROWS = 500


def sections(results: Results) -> list[Section]:
    """The page's sections in order."""
    questions = answers(results)
    title = {4: "Four questions", 5: "Five questions", 6: "Six questions", 7: "Seven questions"}[len(questions)]
    return [Section("answers", title, questions), progress(results), *troubles(results)]


def answers(results: Results) -> tuple[Group, ...]:
    """Each question with its answer, computed from the results."""
    same = Prose(parity.answer(results), links=(Link("rung by rung", "parity.html"),))
    alike = Prose(twin_losses.answer(results), links=(Link("epoch by epoch", "accuracy.html#agreement"),))
    return (
        *_which(results),
        Group("Is it the same model?", (same, alike), "question"),
        Group("Then why do the results differ?", _why(results), "question"),
        Group(
            "Which is faster here, written which way?",
            (*speed.answer(results), _to("all times", "speed.html")),
            "question",
        ),
        Group("What are the shapes?", (*shapes.answer(results), _to("every weight", "shapes.html")), "question"),
        *_traps(results),
        *_writing(results),
    )


def opening(results: Results) -> str:
    """The page's first sentence: which default makes the difference, or else what the stock difference is."""
    stock = headline.first(results)
    if not defaults.planned(results):
        return stock
    return defaults.opening(results) or (stock if stock != headline.NONE_YET else defaults.NONE_YET)


def _which(results: Results) -> tuple[Group, ...]:
    """First, where the study switched defaults one by one: what to set first when porting."""
    if not defaults.planned(results):
        return ()
    blocks = (*defaults.answer(results), _to("every default, with intervals", "defaults.html"))
    return (Group("Which default makes the difference?", blocks, "question"),)


def _traps(results: Results) -> tuple[Group, ...]:
    """Where traps have run: which cost most."""
    if not (said := traps.answer(results)):
        return ()
    return (
        Group(
            "Where do ports go wrong?", (*said, _to("every trap, with the lines to change", "traps.html")), "question"
        ),
    )


def _writing(results: Results) -> tuple[Group, ...]:
    """Where the study has trials on characters."""
    if not chars.planned(results):
        return ()
    said = Prose(chars.answer(results), links=(Link("texts and curves", "chars.html"),))
    return (Group("Does it learn to write, and do both twins write the same?", (said,), "question"),)


def _why(results: Results) -> tuple[Block, ...]:
    imdb = reviews(results)
    drawn = (layers(imdb).state == "done").any()
    figure = (conventions.figure(imdb),) if drawn else ()
    prose, rest = _split(headline.blocks(results))
    links = (Link("epoch by epoch, with tests", "accuracy.html"), Link("what may be claimed", "claims.html"))
    numbers = (Details("The numbers", tuple(rest)),) if rest else ()
    return (*prose, *figure, *numbers, Prose("", links=links))


def _split(blocks: tuple[Block, ...]) -> tuple[list[Block], list[Block]]:
    prose = [block for block in blocks if isinstance(block, Prose)]
    return prose, [block for block in blocks if not isinstance(block, Prose)]


def _to(text: str, page: str) -> Prose:
    return Prose("", links=(Link(text, page),))


def progress(results: Results) -> Section:
    """Planned against done, for each task and cell."""
    trials = results.trials
    if trials.empty:
        return Section("progress", "What has run", (Prose("This study plans no trial.", "missing"),))
    states = trials.state.value_counts()
    done, failed, missing = (int(states.get(state, 0)) for state in ("done", "failed", "missing"))
    text = f"{done:,} of {count(len(trials), 'planned trial')} {'is' if done == 1 else 'are'} done"
    text += f", {failed:,} failed, {missing:,} not yet run." if failed or missing else "."
    prose = Prose(text, "" if done == len(trials) else "missing")
    return Section("progress", "What has run", (prose, _progress_table(results)))


def _progress_table(results: Results) -> Table:
    rows = []
    for (task, cell), part in results.trials.groupby(["task", "cell"], sort=False):
        states = Counter(part.state)
        numbers = [len(part), *(states[state] for state in ("done", "failed", "missing"))]
        cells = [Cell(task), Cell(cell, href=results.links.runs(task=task, cell=cell), kind="code")]
        cells += [Cell(", ".join(ordered(part.form, FORMS))), Cell(", ".join(ordered(part.conventions, BASES)))]
        rows.append([*cells, *(Cell(f"{n:,}", n) for n in (part.seed.nunique(), *numbers))])
    columns = ["Task", "Cell", "Forms", "Conventions"]
    columns += [Column(title, True) for title in ("Seeds", "Planned", "Done", "Failed", "Missing")]
    caption = "Trials, planned and done; seeds are the most that any experiment has."
    return Table.of(caption, columns, rows, results.links.runs())


def troubles(results: Results) -> list[Section]:
    """Failed and missing trials, where there are any."""
    failed = results.trials[results.trials.state == "failed"]
    missing = results.trials[results.trials.state == "missing"]
    made = []
    if len(failed):
        made.append(Section("failed", "What failed", (_failed(failed, results),)))
    if len(missing):
        made.append(Section("missing", "What is missing", _missing(missing)))
    return made


def _failed(failed: pd.DataFrame, results: Results) -> Table:
    rows = [
        [
            Cell(row.slug, href=results.links.run(row.run_id), kind="code"),
            Cell(name(row.framework), kind=row.framework),
            Cell(str(row.seed), row.seed),
            Cell(row.failure if isinstance(row.failure, str) else "no reason was recorded", kind="wide"),
        ]
        for row in failed.itertuples()
    ]
    return Table.of(
        f"{count(len(rows), 'trial')} failed; a new start of the study tries again.",
        ["Experiment", "Framework", Column("Seed", True), "Reason"],
        rows[:MOST_ROWS],
        results.links.runs(),
    )


def _missing(missing: pd.DataFrame) -> tuple[Block, ...]:
    rows = [
        [Cell(slug, kind="code"), Cell(name(framework), kind=framework), Cell(listed(map(str, part.seed)))]
        for (slug, framework), part in missing.groupby(["slug", "framework"], sort=False)
    ]
    table = Table.of("Not yet run, or interrupted.", ["Experiment", "Framework", "Seeds"], rows[:MOST_ROWS])
    more = [Prose(f"{len(rows) - MOST_ROWS:,} more are not listed.")] * (len(rows) > MOST_ROWS)
    text = f"{count(len(missing), 'trial')}, by experiment and framework"
    return (Prose("A new start of the study runs only what is missing."), Details(text, (table, *more)))
