"""The characters task: arrays, entropies and metrics."""

import json
from pathlib import Path

import numpy as np
import pytest
from chars_cases import TEXT, spec
from hypothesis import given
from hypothesis import strategies as st

from experiments import tasks
from experiments.tasks import chars, texts


def load(path: Path | str, **fields) -> chars.CharsTask:
    asked = spec(path, **fields)
    return tasks.load(asked, tasks.locate(asked), "float32")


@given(st.text(min_size=100, max_size=130), st.integers(1, 9))
def test_windows_follow_the_text_and_y_is_the_next_character(text, window):
    train, test = chars.split(text)
    assert train + test == text and len(train) == len(text) * 9 // 10
    vocabulary = chars.vocabulary_of(train)
    assert vocabulary[0] == chars.UNSEEN and list(vocabulary[1:]) == sorted(set(train) - {chars.UNSEEN})
    for part in (train, test):
        ids = chars.encode(part, vocabulary)
        x, y, _ = chars.windows(ids, window)
        assert x.shape == y.shape == ((len(part) - 1) // window, window) and x.dtype == y.dtype == np.int32
        np.testing.assert_array_equal(x.ravel(), ids[: x.size])
        np.testing.assert_array_equal(y.ravel(), ids[1 : x.size + 1])
        known = [character if character in vocabulary else chars.UNSEEN for character in part]
        assert [vocabulary[index] for index in ids] == known


def test_a_character_the_training_part_lacks_is_id_0(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("ab" * 90 + "xb" * 10)
    task = load(path)
    assert task.vocabulary == (chars.UNSEEN, "a", "b")
    assert set(task.test.x.ravel()) == {0, 2} and 0 not in task.train.x
    assert (task.interface.features, task.interface.outputs, task.interface.time) == (3, 3, 8)


def test_entropies_against_hand_values():
    x, y = np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, 1]])
    assert chars.unigram_entropy(y) == pytest.approx(-(0.25 * np.log(0.25) + 0.75 * np.log(0.75)))
    assert chars.bigram_entropy(x, y) == pytest.approx(0.5 * np.log(2))  # after 0 either, after 1 always 1


@given(st.lists(st.integers(0, 4), min_size=2, max_size=50))
def test_knowing_the_last_character_never_hurts(ids):
    x, y = np.array(ids[:-1]), np.array(ids[1:])
    assert -1e-9 <= chars.bigram_entropy(x, y) <= chars.unigram_entropy(y) + 1e-9


class Knowing:
    """Answers with the logarithms of fixed shares; its state counts the windows that it was carried through."""

    def __init__(self, shares) -> None:
        self.logits, self.states = np.log(shares), []

    def advance(self, x, states=None, lengths=None):
        self.states.append(None if states is None else states[0][0][0, 0])
        count = 0.0 if states is None else states[0][0][0, 0]
        return np.broadcast_to(self.logits, (*x.shape, len(self.logits))), ((np.full((len(x), 1), count + 1),),)


@pytest.mark.parametrize("stateful", [True, False])
def test_the_best_model_of_single_characters_scores_the_unigram_entropy(file, stateful):
    task = load(file, stateful=stateful)
    scored = np.concatenate([y for _, y, _ in task._blocks()])
    shares = np.bincount(scored.ravel(), minlength=len(task.vocabulary)) + 1e-12
    model = Knowing(shares / shares.sum())
    scores = task.evaluate(model)
    assert scores["test/loss"] == pytest.approx(scores["baseline/unigram"], abs=1e-6)
    assert scores["test/bits_per_char"] == pytest.approx(scores["test/loss"] / np.log(2))
    assert scores["test/perplexity"] == pytest.approx(np.exp(scores["test/loss"]))
    assert model.states == ([None, *range(1, len(model.states))] if stateful else [None] * len(model.states))


def test_stateful_rows_go_on_and_leave_out_fewer_windows_than_rows(file):
    task = load(file)
    blocks = task._blocks()
    rows = np.concatenate([x for x, _, _ in blocks], axis=1)
    following = np.concatenate([y for _, y, _ in blocks], axis=1)
    np.testing.assert_array_equal(rows[:, 1:], following[:, :-1])
    assert len(task.test.x) - len(rows) < len(blocks) * len(rows) <= len(task.test.x)


def test_stateless_scores_every_window_once(file):
    task = load(file, stateful=False)
    np.testing.assert_array_equal(np.concatenate([x for x, _, _ in task._blocks()]), task.test.x)


@pytest.mark.parametrize("side", ["left", "right"])
def test_masked_windows_hold_every_character_once(file, side):
    task = load(file, stateful=False, padding_side=side, padding_treatment="masked")
    assert task.test.lengths[:-1].tolist() == [task.interface.time] * (len(task.test.x) - 1)
    assert 1 <= task.test.lengths[-1] < task.interface.time
    valid = task._valid(task.test)
    ids = np.append(task.test.x[valid], task.test.y[valid][-1])
    text = chars.split(texts.read(file))[1]
    assert ids.tolist() == chars.encode(text, task.vocabulary).tolist()
    np.testing.assert_array_equal(task.test.x[valid][1:], task.test.y[valid][:-1])
    model = Knowing(np.full(len(task.vocabulary), 1 / len(task.vocabulary)))
    assert task.evaluate(model)["test/loss"] == pytest.approx(np.log(len(task.vocabulary)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"padding_treatment": "masked"}, "masked needs stateful = false"),
        ({"padding_side": "right", "stateful": False}, "no window is padded unless padding_treatment is masked"),
    ],
)
def test_padding_that_could_not_act_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        chars.CharsSpec(**fields)


def test_an_epoch_has_bits_perplexity_and_speed(file):
    found = load(file).epoch(np.log(4), 100, 2.0)
    wanted = {"train/bits_per_char": 2.0, "train/perplexity": 4.0, "time/chars_per_s": 400.0}
    assert found == pytest.approx(wanted)


def test_a_row_of_logits_is_asked_for_each_character():
    with pytest.raises(ValueError, match="in place of a row of logits"):
        chars.negative_log_shares(np.zeros((2, 5)), np.zeros((2, 3), int))


def test_what_a_trial_keeps(file):
    task = load(file)
    model = Knowing(np.full(len(task.vocabulary), 1 / len(task.vocabulary)))
    files = task.conclude(model).files
    assert tuple(json.loads(files["vocabulary.json"])) == task.vocabulary
    assert files["samples.txt"].decode().count("=== temperature") == len(chars.TEMPERATURES)
    (first,) = task.sample(model)
    assert task.sample(model) == [first] and len(first["text"]) == chars.GROWING
    assert first["prompt"] == chars.split(TEXT)[1][: chars.PROMPT]
