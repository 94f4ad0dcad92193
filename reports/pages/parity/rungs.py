"""The words of the parity page, and what each rung of the ladder compares."""

from experiments.parity.tolerances import ADAPTIVE, CLOSE, CLOSE_IN_CUDNN, TRAINED, Tolerance
from reports.html.blocks import Block, Cell, Points, Prose, Table
from reports.html.format import number, significant
from reports.statistics import MARGIN

DTYPES = ("float64", "float32")
WORDS = (
    "Twin: one framework's implementation of a network. The reference is a third one, in NumPy and float64, with "
    "gradients derived by hand.",
    "Form: how a cell is run over time, for instance by the framework's own layer or by a loop over cells.",
    "Conventions: the choices that a framework makes for its users, such as initial values, biases and epsilons. A "
    "check imposes one framework's conventions on all implementations.",
    "Check: one cell in one form, under one set of conventions, in float64 or float32. Each implementation runs in its "
    "own process on the same weights, batches and dropout masks. Each twin is compared with the reference, and the "
    "twins with each other.",
    "Ladder: the comparisons of a check in order. Each comparison is a rung, and a check ends at the first rung that "
    "fails.",
)
NOTE = (
    "Adam, RMSprop and Adagrad divide a gradient by its own size, so the rounding error of a tiny float32 gradient "
    "becomes a whole step; and training amplifies rounding errors. The tolerances of float32 are therefore wider on "
    "rungs 3 and 4. A mistake that they would let pass fails in float64."
)


def definitions(on_gpu: bool) -> tuple[Block, ...]:
    """The page's words, then a table of the rungs with their tolerances; ``on_gpu``: checks may have run on one."""
    caption = "What each rung asks, and the largest relative error allowed, plus an absolute one for numbers near zero."
    rows = [
        [Cell(f"{rung}", rung), Cell(text, kind="wide"), *allowed] for rung, (text, *allowed) in enumerate(_rungs())
    ]
    table = Table.of(caption, ["Rung", "Question", *DTYPES], rows)
    cudnn = (
        f" On a GPU the forms that run the framework's own layer are allowed {_allowed(CLOSE_IN_CUDNN['float32'])} in "
        "float32, since cuDNN's tanh is that much less exact."
    )
    return (Points(WORDS), table, Prose(NOTE + cudnn * on_gpu, "note"))


def _rungs() -> list[tuple[str, str, str]]:
    """Each rung's question and its tolerance in float64 and in float32."""
    double, single = (_allowed(CLOSE[dtype]) for dtype in DTYPES)
    margin = f"mean difference within ±{number(MARGIN, 1)} points"
    return [
        ("Are the weights read back bit for bit?", "no difference", "no difference"),
        ("Are the outputs and every layer's last states the same?", double, single),
        ("Are the gradients of the loss by every weight and by the input the same?", double, single),
        (
            "Is every weight the same after one step of SGD, Adam, RMSprop and Adagrad, each with and without "
            "gradient clipping?",
            double,
            f"{single} after SGD, {_allowed(ADAPTIVE['float32'])} after the others",
        ),
        (
            "Is the loss the same in every training step with Adam and dropout?",
            *(_allowed(TRAINED[dtype]) for dtype in DTYPES),
        ),
        (
            "Not part of a check: are the mean test accuracies of the trained twins equal over seeds, by an "
            "equivalence test (TOST)?",
            margin,
            margin,
        ),
    ]


def _allowed(tolerance: Tolerance) -> str:
    absolute = f" + {significant(tolerance.atol, 1)}" * bool(tolerance.atol)
    return f"{significant(tolerance.rtol, 1)} relative{absolute}"
