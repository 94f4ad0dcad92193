"""The next character: a text read a character at a time, each step asked for the one that follows."""

import json
import math
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import PositiveInt, model_validator

from experiments.padding import Side, valid_steps
from experiments.tasks import generate, texts
from experiments.tasks.task import Conclusion, DataSource, Interface, PaddedTaskSpec, Predictor, Split, Task

UNSEEN = "\ufffd"  # id 0 stands for every character that the training part lacks
ROWS = 32  # most test windows read side by side
ROW_WINDOWS = 10  # fewest windows of a row that carries its states
PROMPT = 20  # characters of the test part that every text begins with
TEMPERATURES = (0.0, 0.5, 0.8, 1.0)
WRITTEN = 500  # characters of each text at the end
GROWING, GROWING_TEMPERATURE = 200, 0.8  # characters of the text after each epoch
USUAL_CHARACTERS = 100  # a usual vocabulary's size, used where no text has been read
SEED = 0  # of the texts' draws, the same after every epoch and for both twins, so that only the weights differ


class CharsSpec(PaddedTaskSpec):
    """The next character of a text, at every step.

    ``text`` is ``reviews``, ``shakespeare`` or a path, of which the first ``characters`` are taken, all by default. If
    ``stateful``, row k of a batch continues row k of the batch before: states are carried over, no gradient passes
    between batches, and every epoch starts at zero states. Else windows are shuffled and each starts at zero states,
    and where padding is masked, the last window of a part is kept, shorter than the others.
    """

    DEFAULTS: ClassVar = {
        "network": {"units": [128], "encoder": "embedding", "embedding_size": 64},
        "training": {
            "epochs": 5,
            "batch_size": 50,
            "optimiser": "adam",
            "learning_rate": 2e-3,
            "clip_norm": 5.0,
            "clip_global": True,
        },
    }
    METRIC: ClassVar = "test/loss"
    LENGTH: ClassVar = "window"
    INPUT: ClassVar = "tokens"
    EVERY_STEP: ClassVar = True
    RESUMABLE: ClassVar = True

    name: Literal["chars"] = "chars"
    text: str = "reviews"
    characters: PositiveInt | None = None
    window: PositiveInt = 64
    stateful: bool = True

    @model_validator(mode="after")
    def _only_masked_windows_are_padded(self) -> Self:
        if self.masked and self.stateful:
            raise ValueError("padding_treatment: masked needs stateful = false: rows that go on have no padding")
        if self.padding_side != "left" and not self.masked:
            raise ValueError("padding_side: no window is padded unless padding_treatment is masked; allowed: left")
        return self

    def in_words(self, training_samples: int | None) -> str:
        """Such as ``300,000 characters of reviews, windows of 64``."""
        size = f"{self.characters:,}" if self.characters else "all"
        windows = f"windows of {self.window}{'' if self.stateful else ', each from zero states'}"
        return ", ".join([f"{size} characters of {PurePath(self.text).stem}", windows, *self.padding_in_words])

    @property
    def slug_parts(self) -> list[str]:
        """The text unless it is the reviews, and whether states are not carried."""
        text = PurePath(self.text).stem
        return [text] * (text != "reviews") + ["stateless"] * (not self.stateful) + self.padding_parts


SPEC = CharsSpec


def locate(spec: CharsSpec, imdb: str = "packaged") -> DataSource:
    """The text's file and digest; ``imdb`` does not matter here."""
    return texts.locate(spec.text, spec.characters, spec.window)


def load(spec: CharsSpec, source: DataSource, dtype: str) -> "CharsTask":
    """The first nine tenths of the text to train on, the last to test on, each cut into windows.

    Raises:
        ValueError: the file was changed since ``locate`` checked it.
    """
    text = texts.read(Path(source.path))[: spec.characters]
    if texts.digest(text) != source.digest:
        raise ValueError(f"{source.path}: its text is not the one that was checked before")
    train, test = split(text)
    vocabulary = vocabulary_of(train)
    ids = (encode(part, vocabulary) for part in (train, test))
    if spec.masked:
        parts = [padded_windows(part, spec.window, spec.padding_side) for part in ids]
    else:
        parts = [windows(part, spec.window) for part in ids]
    return CharsTask(interface(spec, len(vocabulary)), *parts, vocabulary, test[:PROMPT], spec.padding_side)


def interface(spec: CharsSpec, characters: int = USUAL_CHARACTERS) -> Interface:
    """What the task asks of a network, for a vocabulary of so many characters."""
    loss = "sequence_cross_entropy"
    return Interface("tokens", spec.window, characters, characters, loss, stateful=spec.stateful)


def usual_lengths(spec: CharsSpec, count: int, rng: np.random.Generator) -> np.ndarray:
    """Whole windows, ``(count,)`` int32: only the last one of a text is shorter."""
    return np.full(count, spec.window, np.int32)


def split(text: str) -> tuple[str, str]:
    """Nine tenths and the last tenth, by position."""
    cut = len(text) * (texts.PARTS - 1) // texts.PARTS
    return text[:cut], text[cut:]


def vocabulary_of(text: str) -> tuple[str, ...]:
    """``UNSEEN``, then the text's characters in the order of their code points."""
    return (UNSEEN, *sorted(set(text) - {UNSEEN}))


def encode(text: str, vocabulary: tuple[str, ...]) -> np.ndarray:
    """Each character's place in the vocabulary, 0 where it has none: ``(len(text),)`` int32."""
    place = {character: index for index, character in enumerate(vocabulary)}
    return np.fromiter((place.get(character, 0) for character in text), np.int32, len(text))


def windows(ids: np.ndarray, window: int) -> Split:
    """``x (N, window)`` in the text's order, none overlapping; ``y (N, window)`` holds the character after each."""
    count = (len(ids) - 1) // window
    stop = count * window
    return Split(ids[:stop].reshape(count, window), ids[1 : stop + 1].reshape(count, window))


def padded_windows(ids: np.ndarray, window: int, side: Side) -> Split:
    """The same with the text's last characters in a shorter, padded window, and every window's length."""
    predicted = len(ids) - 1
    count = -(-predicted // window)
    lengths = np.full(count, window, np.int32)
    lengths[-1] = predicted - (count - 1) * window
    ids = np.pad(ids, (0, count * window - predicted))
    x, y = ids[:-1].reshape(count, window).copy(), ids[1:].reshape(count, window).copy()
    y[-1, lengths[-1] :] = 0
    if side == "left":
        x[-1], y[-1] = (np.roll(part[-1], window - lengths[-1]) for part in (x, y))
    return Split(x, y, lengths)


@dataclass(frozen=True)
class CharsTask(Task):
    """Windows ``x (N, T)`` int32 and the next characters ``y (N, T)``; answered with logits ``(N, T, V)``."""

    interface: Interface
    train: Split
    test: Split
    vocabulary: tuple[str, ...]
    prompt: str
    side: Side = "left"

    def epoch(self, loss: float, samples: int, seconds: float) -> dict[str, float]:
        """The training loss by other names, and the speed."""
        return _by_names("train", loss) | {"time/chars_per_s": samples * self.interface.time / seconds}

    def evaluate(self, model: Predictor) -> dict[str, float]:
        """Cross-entropy in nats, bits and perplexity a character on the test part, beside what counting can reach.

        Stateful: the windows stand in up to 32 rows of ten or more, each row going on from window to window with its
        states carried; the few windows left over, fewer than there are rows, are not scored. Stateless: every window
        from zero states.
        """
        total, states, scored = 0.0, None, []
        for block in self._blocks():
            outputs, after = model.advance(block.x, states, block.lengths)
            valid = self._valid(block)
            total += float(negative_log_shares(outputs, block.y)[valid].sum())
            scored.append((block.x[valid], block.y[valid]))
            states = after if self.interface.stateful else None
        x, y = (np.concatenate(part) for part in zip(*scored, strict=True))
        loss = total / y.size
        baselines = {"baseline/unigram": unigram_entropy(y), "baseline/bigram": bigram_entropy(x, y)}
        return {"test/loss": loss} | _by_names("test", loss) | baselines

    def _blocks(self) -> list[Split]:
        """The test windows that are read side by side, one block after the other: ``x (rows, T)``, ``y (rows, T)``."""
        count = len(self.test.x)
        if self.interface.stateful:
            rows = min(ROWS, max(1, count // ROW_WINDOWS))
            steps = count // rows
            chosen = [np.arange(rows) * steps + step for step in range(steps)]
        else:
            chosen = [np.arange(start, min(start + ROWS, count)) for start in range(0, count, ROWS)]
        return [self.test.part(each) for each in chosen]

    def _valid(self, block: Split) -> np.ndarray:
        """Which steps are not padding: ``(rows, T)`` bool."""
        if block.lengths is None:
            return np.ones(block.y.shape, bool)
        return valid_steps(block.lengths, self.interface.time, self.side)

    def write(self, model: Predictor, length: int, temperature: float) -> str:
        """A text that the model writes on from the prompt."""
        return generate.generate(model.advance, self.vocabulary, self.prompt, length, temperature, SEED)

    def sample(self, model: Predictor) -> list[dict[str, Any]]:
        """A short text, from the same prompt by the same draws after every epoch."""
        text = self.write(model, GROWING, GROWING_TEMPERATURE)
        return [{"prompt": self.prompt, "temperature": GROWING_TEMPERATURE, "text": text}]

    def conclude(self, model: Predictor) -> Conclusion:
        """``vocabulary.json``, a character an id; ``samples.txt``, a text at each temperature."""
        written = {each: self.write(model, WRITTEN, each) for each in TEMPERATURES}
        samples = "\n\n".join(
            f"=== temperature {temperature:g} ===\n{self.prompt}{text}" for temperature, text in written.items()
        )
        vocabulary = json.dumps(self.vocabulary, ensure_ascii=False)
        return Conclusion(files={"vocabulary.json": vocabulary.encode(), "samples.txt": f"{samples}\n".encode()})


def _by_names(part: str, loss: float) -> dict[str, float]:
    perplexity = math.exp(min(loss, 700.0))  # beyond it a float64 has no room
    return {f"{part}/bits_per_char": loss / math.log(2), f"{part}/perplexity": perplexity}


def negative_log_shares(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    """log Σ exp z − z_y in float64 of every row and step: ``(B, T, V), (B, T) -> (B, T)``.

    Raises:
        ValueError: the logits are not of that shape.
    """
    from scipy.special import log_softmax  # here: its import is a third of a worker's start

    if logits.shape[:-1] != y.shape:
        raise ValueError(f"the network answered {y.shape} with {logits.shape} in place of a row of logits a character")
    log_shares = log_softmax(logits.astype(np.float64), axis=-1)
    return -np.take_along_axis(log_shares, y[..., None], axis=-1)[..., 0]


def entropy(counts: np.ndarray) -> float:
    """−Σ p log p of relative frequencies, in nats (Shannon 1948)."""
    shares = counts / counts.sum()
    return float(-np.sum(shares * np.log(shares)))


def unigram_entropy(y: np.ndarray) -> float:
    """Of the very characters that are scored: no model that ignores what came before can score below it."""
    return entropy(np.unique(y, return_counts=True)[1])


def bigram_entropy(x: np.ndarray, y: np.ndarray) -> float:
    """H(y | x) = H(x, y) − H(x) of the very pairs that are scored: no model of the last character alone is below it."""
    pairs = x.astype(np.int64) * (int(y.max()) + 1) + y
    return entropy(np.unique(pairs, return_counts=True)[1]) - entropy(np.unique(x, return_counts=True)[1])
