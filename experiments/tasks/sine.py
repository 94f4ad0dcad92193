"""Forecast of sin x: a window of points → the next one, then a forecast that feeds on itself."""

import csv
import hashlib
import io
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, PositiveInt, model_validator

from experiments.tasks.task import BaseTaskSpec, Conclusion, DataSource, Interface, Predictor, Split, Task

START, END = -100.0, 100.0


class SineSpec(BaseTaskSpec):
    """Forecast of sin x: windows of ``window`` points → the next point, then ``horizon`` free-running steps."""

    DEFAULTS: ClassVar = {"network": {"units": [64]}, "training": {"epochs": 100, "batch_size": 512}}
    METRIC: ClassVar = "test/rollout_mse"
    STEP_S: ClassVar = 2e-6  # one number a step
    LENGTH: ClassVar = "window"

    name: Literal["sine"] = "sine"
    points: Annotated[int, Field(ge=4)] = 1_000
    window: PositiveInt = 50
    horizon: PositiveInt = 50

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.window + 1 >= self.points:
            raise ValueError(f"window {self.window} needs more than {self.window + 1} points; given: {self.points}")
        return self

    def in_words(self, training_samples: int | None) -> str:
        """Such as ``1,000 points, window 50, 50 steps ahead``."""
        return f"{self.points:,} points, window {self.window}, {self.horizon} steps ahead"


SPEC = SineSpec


def series(spec: SineSpec) -> tuple[np.ndarray, np.ndarray]:
    """x and sin x, each ``(points + horizon,)`` float64: the observed points, then as many as are forecast."""
    observed, step = np.linspace(START, END, spec.points, retstep=True)
    x = np.concatenate([observed, END + step * np.arange(1, spec.horizon + 1)])
    return x, np.sin(x)


def locate(spec: SineSpec, imdb: str = "packaged") -> DataSource:
    """The series' description and the sha256 of its float64 numbers; ``imdb`` does not matter here."""
    digest = hashlib.sha256(np.concatenate(series(spec)).astype("<f8").tobytes()).hexdigest()
    description = (
        f"{_training_windows(spec):,} windows of {spec.window:,} points of sin x and the point after each, "
        f"x from {START:g} to {END:g} in {spec.points:,} points, then {spec.horizon:,} points to forecast."
    )
    return DataSource("sine", digest, None, description)


def interface(spec: SineSpec) -> Interface:
    """A point a step."""
    return Interface("values", spec.window, 1, 1, "mse")


def load(spec: SineSpec, source: DataSource, dtype: str) -> "SineTask":
    """The task's arrays in ``dtype``; the series is computed anew, so ``source`` is not read."""
    x, y = series(spec)
    windows = np.lib.stride_tricks.sliding_window_view(y[:-1], spec.window)  # window i goes before point i + window
    inputs = windows[..., None].astype(dtype)  # (points + horizon − window, window, 1)
    targets = y[spec.window :, None].astype(dtype)
    training = slice(_training_windows(spec))
    test = slice(spec.points - spec.window, None)
    return SineTask(
        interface(spec),
        Split(inputs[training].copy(), targets[training].copy()),
        Split(inputs[test].copy(), targets[test].copy()),
        x,
        y,
    )


def _training_windows(spec: SineSpec) -> int:
    """One fewer than fit: the scripts this task comes from stop before the last observed point."""
    return spec.points - spec.window - 1


@dataclass(frozen=True)
class SineTask(Task):
    """Windows ``x (N, window, 1)`` and the points after them ``y (N, 1)``.

    ``test`` holds the true windows of the points beyond the observed ones. ``series_x`` and ``series_y``
    ``(points + horizon,)`` are float64.
    """

    interface: Interface
    train: Split
    test: Split
    series_x: np.ndarray
    series_y: np.ndarray

    def evaluate(self, model: Predictor) -> dict[str, float]:
        """The mean squared error against the true sine of each point from its true window."""
        return {"test/one_step_mse": self._mse(model.predict(self.test.x))}

    def conclude(self, model: Predictor) -> Conclusion:
        """One free-running forecast, as long as some epochs: its error, ``forecast.csv`` and ``forecast.svg``."""
        forecast = self.rollout(model)
        error, points = self._mse(forecast), forecast[:, 0].astype(np.float64)
        files = {"forecast.csv": self._csv(points), "forecast.svg": self._svg(points)}
        return Conclusion({"test/rollout_mse": error}, files)

    def rollout(self, model: Predictor) -> np.ndarray:
        """The forecast ``(horizon, 1)``: from the last observed window on, each prediction is the next input."""
        window, steps = self.test.x[:1], []
        for _ in range(len(self.test.y)):
            steps.append(model.predict(window).astype(window.dtype))  # (1, 1)
            window = np.concatenate([window[:, 1:], steps[-1][:, None]], axis=1)
        return np.concatenate(steps)

    def _mse(self, forecast: np.ndarray) -> float:
        truth = self.series_y[-len(self.test.y) :, None]
        if forecast.shape != truth.shape:
            raise ValueError(f"the network answered with {forecast.shape} in place of {truth.shape}")
        return float(np.mean((forecast.astype(np.float64) - truth) ** 2))

    def _csv(self, forecast: np.ndarray) -> bytes:
        """Columns part, x, truth, forecast."""
        observed = len(self.series_x) - len(forecast)
        parts = ["observed"] * observed + ["forecast"] * len(forecast)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["part", "x", "truth", "forecast"])
        columns = (self.series_x.tolist(), self.series_y.tolist(), [""] * observed + forecast.tolist())
        writer.writerows(zip(parts, *columns, strict=True))
        return text.getvalue().encode()

    def _svg(self, forecast: np.ndarray) -> bytes:
        # Only a trial's end needs matplotlib; pyplot would keep global state and look for a display.
        from matplotlib import rc_context
        from matplotlib.figure import Figure

        x, y, horizon = self.series_x, self.series_y, len(forecast)
        shown = slice(-min(len(x), 3 * horizon), None)
        figure = Figure(figsize=(7, 3))
        # Fixed margins: a layout that is worked out draws the figure twice more, as long as two epochs.
        axes = figure.subplots(gridspec_kw={"left": 0.1, "right": 0.98, "bottom": 0.17, "top": 0.88})
        axes.plot(x[shown], y[shown], color="0.6", label="sin x")
        axes.plot(x[-horizon:], forecast, color="#d55e00", linestyle="--", label="free-running forecast")
        axes.axvline(x[-horizon - 1], color="0.8", linewidth=1, zorder=0)
        axes.set(xlabel="x", ylabel="sin x")
        figure.legend(loc="upper center", ncols=2, frameon=False)
        image = io.BytesIO()
        with rc_context({"svg.fonttype": "none", "svg.hashsalt": "rnn-twins"}):
            figure.savefig(image, format="svg", metadata={"Date": None})
        return image.getvalue()
