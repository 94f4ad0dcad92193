"""The writing page: do the networks learn to predict the next character, and do both twins write the same text?"""

from reports.data.results import Results
from reports.html.blocks import Section
from reports.pages.chars import curves, same_text, scores, texts
from reports.pages.chars.trials import on_characters

TITLE = "Writing"
LEAD = "Does it learn to write, and do both twins write the same?"


def planned(results: Results) -> bool:
    """Whether the study has trials on characters, and so this page."""
    return not on_characters(results).empty


def sections(results: Results) -> list[Section]:
    """The page's sections in order."""
    return [
        scores.section(results),
        curves.section(results),
        texts.after_each_epoch(results),
        same_text.section(results),
        texts.by_temperature(results),
    ]


def answer(results: Results) -> str:
    """The front page's answer."""
    return f"{scores.answer(on_characters(results))} {same_text.answer(results)}"
