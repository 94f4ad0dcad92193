"""Write the lines of a module's ``forward`` for an outline.

Packing pads on the right alone: the valid steps of a padded row move to its front, wherever padding stands, run packed,
and move back where every step is asked for.
"""

from collections.abc import Iterator

from frameworks.convert import outline as neutral
from frameworks.convert.outline import Outline, Recurrent, states_of

_CALLS = {
    "relu": "torch.relu({x})",
    "tanh": "torch.tanh({x})",
    "sigmoid": "torch.sigmoid({x})",
    "softmax": "torch.softmax({x}, dim=-1)",
    "elu": "nn.functional.elu({x})",
    "selu": "torch.selu({x})",
    "gelu": "nn.functional.gelu({x})",
    "silu": "nn.functional.silu({x})",
    "softplus": "nn.functional.softplus({x})",
    "linear": "{x}",
}
_MOVE_LEFT = (
    "order = (~mask).int().argsort(dim=1, stable=True)  # packing pads on the right: valid steps move left",
    "x = x.gather(1, order.unsqueeze(-1).expand_as(x))",
    "lengths = mask.sum(1)",
)
_MOVE_BACK = (
    "place = mask.cumsum(1) - 1  # of each step among the valid ones; a padded step repeats the one before",
    "x = x.gather(1, place.clamp(min=0).unsqueeze(-1).expand_as(x))",
)
_TURN = (
    "steps = torch.arange(x.shape[1], device=x.device)",
    "turned = (lengths.unsqueeze(1) - 1 - steps).clamp(min=0)  # the last valid step first",
    "x = x.gather(1, turned.unsqueeze(-1).expand_as(x))",
)


def forward_lines(described: Outline, stacked: bool) -> Iterator[str]:
    """Yield the lines from ``tokens`` or ``x`` to ``x``; ``stacked``: ``self.rnn`` is all recurrent layers."""
    recurrent = described.recurrent
    counts = {"recurrent": 0, "dense": 0}
    for step in described.steps:
        index = counts.get(step.kind, 0)
        counts[step.kind] = index + 1
        if isinstance(step, Recurrent):
            yield from _MOVE_LEFT if described.padding and index == 0 else ()
            if not stacked:
                yield from _recurrent(step, f"self.rnn[{index}]", described, last=index + 1 == len(recurrent))
            elif index == 0:
                yield from _recurrent(recurrent[-1], "self.rnn", described, last=True)
        elif stacked and 0 < counts["recurrent"] < len(recurrent):
            continue  # dropout between the layers is the stacked layer's own
        else:
            yield from _plain(step, described, index)


def _plain(step: neutral.Step, described: Outline, index: int) -> Iterator[str]:
    """Yield the lines of a step that is not recurrent."""
    if isinstance(step, neutral.Embedding):
        if step.skips_padding:
            yield "mask = tokens != 0  # word 0 is padding"
        yield "x = self.embedding(tokens)"
    elif isinstance(step, neutral.Masking):
        yield f"mask = (x != {float(step.value)!r}).any(-1)  # a step of such values is padding"
        yield "x = x * mask.unsqueeze(-1)"
    elif isinstance(step, neutral.Dense):
        layer = f"self.head[{index}](x)" if len(described.dense) > 1 else "self.head(x)"
        yield f"x = {_CALLS[step.activation].format(x=layer)}"
    elif isinstance(step, neutral.Activation):
        yield f"x = {_CALLS[step.function].format(x='x')}"
    elif isinstance(step, neutral.Dropout):
        yield _dropout(step.rate, step.shared_in_time)
    elif isinstance(step, neutral.TrainingOnly):
        yield f"# Keras has {step.what} here in training; torch.nn does not"


def _dropout(rate: float, shared: bool) -> str:
    """Return the line of a dropout; Keras's recurrent layers share one mask among all steps, as dropout1d does."""
    if shared:
        return f"x = nn.functional.dropout1d(x.transpose(1, 2), {rate!r}, self.training).transpose(1, 2)"
    return f"x = nn.functional.dropout(x, {rate!r}, self.training)"


def _recurrent(step: Recurrent, layer: str, described: Outline, last: bool) -> Iterator[str]:
    """Yield the lines of one recurrent layer; ``last``: its output is the model's own."""
    padded = described.padding is not None
    if step.dropout:
        yield _dropout(step.dropout, shared=True)
    if step.backwards:
        yield from _TURN if padded else ("x = x.flip(1)  # from the last step to the first",)
    yield from _packed_call(step, layer) if padded else (_call(step, layer, "x", "x"),)
    if not step.sequences:
        yield from _last_output(step, padded)
        return
    if step.merge != "concat":
        yield "ahead, back = x.chunk(2, dim=-1)"
        yield _merged(step.merge)
    if last and padded:
        yield from _MOVE_BACK
        yield f"x = x * {'mask' if step.at_padding == 'zeros' else '(place >= 0)'}.unsqueeze(-1)"


def _call(step: Recurrent, layer: str, taken: str, outputs: str) -> str:
    if step.sequences:
        return f"{outputs}, _ = {layer}({taken})"
    return f"_, {'(last, _)' if states_of(step.cell) == 2 else 'last'} = {layer}({taken})"


def _packed_call(step: Recurrent, layer: str) -> Iterator[str]:
    # Packing refuses a length of 0: a row that is all padding runs one step, whose output is dropped below.
    yield "packed = pack_padded_sequence(x, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)"
    yield _call(step, layer, "packed", "packed")
    if step.sequences:
        yield "x, _ = pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])"


def _last_output(step: Recurrent, padded: bool) -> Iterator[str]:
    if not step.both_ways:
        yield "x = last[-1]"
    elif step.merge == "concat":
        yield "x = torch.cat([last[-2], last[-1]], dim=-1)  # forward's last step and backward's"
    else:
        yield "ahead, back = last[-2], last[-1]"
        yield _merged(step.merge)
    if padded:
        yield "x = x * (lengths > 0).unsqueeze(-1)  # zeros for a row that is all padding"


def _merged(how: str) -> str:
    return {"sum": "x = ahead + back", "ave": "x = (ahead + back) / 2", "mul": "x = ahead * back"}[how]
