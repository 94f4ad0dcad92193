"""PyTorch modules made outside this project, each with what its state dict does not say."""

import itertools
from collections.abc import Callable

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from frameworks.convert.outline import Said

WORDS, WIDTH = 12, 4


class Classifier(nn.Module):
    """An optional embedding, recurrent layers, linear layers: as tutorials write them."""

    def __init__(self, rnn: nn.Module, *heads: int, words: bool = True, activation: Callable = torch.relu):
        super().__init__()
        if words:
            self.words = nn.Embedding(WORDS, WIDTH)
        self.recurrent, self.activation = rnn, activation
        self.top = nn.ModuleList([nn.Linear(a, b) for a, b in itertools.pairwise(heads)])

    def forward(self, x):
        embedded = self.words(x) if hasattr(self, "words") else x
        out, last = self.recurrent(embedded)
        return self.head(self.last(out, last))

    def last(self, out, last):
        h = last[0] if isinstance(self.recurrent, nn.LSTM) else last
        return torch.cat([h[-2], h[-1]], -1) if self.recurrent.bidirectional else h[-1]

    def head(self, x):
        for index, layer in enumerate(self.top):
            x = layer(x) if index + 1 == len(self.top) else self.activation(layer(x))
        return x


class Packed(Classifier):
    """Skips padding on the right, which is word 0 or features of 0; rows have at least one step."""

    every_step = False

    def forward(self, x):
        valid = x != 0 if x.ndim == 2 else (x != 0).any(-1)
        embedded = self.words(x) if x.ndim == 2 else x
        packed = pack_padded_sequence(embedded, valid.sum(1), batch_first=True, enforce_sorted=False)
        out, last = self.recurrent(packed)
        if self.every_step:
            return self.head(pad_packed_sequence(out, batch_first=True, total_length=x.shape[1])[0])
        return self.head(self.last(out, last))


class PackedEveryStep(Packed):
    """The same, with an output for every step: zeros go into the head where padding is."""

    every_step = True


class EveryStep(Classifier):
    """An output for every step."""

    def forward(self, x):
        return self.head(self.recurrent(self.words(x))[0])


class Cells(nn.Module):
    """A loop over cells, states kept by hand."""

    def __init__(self):
        super().__init__()
        self.below, self.above, self.out = nn.LSTMCell(3, 4), nn.LSTMCell(4, 5), nn.Linear(5, 2)

    def forward(self, x):
        below = above = None
        for step in x.unbind(1):
            below = self.below(step, below)
            above = self.above(below[0], above)
        return self.out(above[0])


PACKED = {"packed": True}
MODELS: dict[str, tuple[Callable[[], nn.Module], dict]] = {
    "packed lstm": (lambda: Packed(nn.LSTM(WIDTH, 5, batch_first=True), 5, 1), PACKED),
    "packed gru": (lambda: Packed(nn.GRU(WIDTH, 5, 2, batch_first=True, bidirectional=True), 10, 2), PACKED),
    "packed rnn": (lambda: Packed(nn.RNN(WIDTH, 5, batch_first=True), 5, 2), PACKED),
    "packed values": (lambda: Packed(nn.LSTM(3, 5, 2, batch_first=True), 5, 2, words=False), PACKED),
    "packed every step": (
        lambda: PackedEveryStep(nn.LSTM(WIDTH, 5, batch_first=True), 5, 2),
        PACKED | {"every_step": True},
    ),
    "packed both ways": (
        lambda: PackedEveryStep(nn.LSTM(WIDTH, 5, 2, batch_first=True, bidirectional=True), 10, 2),
        PACKED | {"every_step": True},
    ),
    "relu": (
        lambda: Classifier(nn.RNN(WIDTH, 5, batch_first=True, nonlinearity="relu"), 5, 2),
        {"nonlinearity": "relu"},
    ),
    "every step": (lambda: EveryStep(nn.GRU(WIDTH, 5, batch_first=True), 5, 2), {"every_step": True}),
    "tanh between": (
        lambda: Classifier(nn.LSTM(WIDTH, 5, batch_first=True), 5, 4, 3, 2, activation=torch.tanh),
        {"activations": ("tanh", "tanh", "linear")},
    ),
    "no bias": (lambda: Classifier(nn.GRU(3, 5, bias=False, batch_first=True), 5, 2, words=False), {}),
    "float64": (lambda: Classifier(nn.LSTM(WIDTH, 5, batch_first=True), 5, 2).double(), {}),
    "cells": (Cells, {}),
    "no head": (lambda: Classifier(nn.GRU(WIDTH, 5, 2, batch_first=True)), {}),
}


def said(name: str) -> Said:
    """What a user says of the module."""
    return Said(**MODELS[name][1])
