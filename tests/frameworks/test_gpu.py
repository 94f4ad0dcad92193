"""What the PyTorch twin does otherwise on a GPU, as far as a machine without one can tell."""

from types import SimpleNamespace

import numpy as np
import pytest
from cases import BATCH, TIME, TOKENS, make_batch, make_spec, offered

import frameworks
from experiments.canonical import zero_states
from experiments.cells import CELLS
from experiments.parity.grid import FORMS
from experiments.protocol import Product

pytestmark = pytest.mark.pytorch


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def build(form="layer", conventions="stock", **fields):
    return frameworks.load("pytorch").build(make_spec("lstm", form, conventions, **fields), TOKENS, None, 0)


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("cell", CELLS)
def test_the_tuned_form_is_cudnns_layer_where_there_is_one(torch, monkeypatch, cell, masked):
    from frameworks.pytorch import forms

    spec = make_spec(cell, "tuned", "pytorch", depth=1, device="auto")
    if masked:
        spec = spec.model_copy(update={"task": spec.task.model_copy(update={"padding_treatment": "masked"})})
    monkeypatch.setattr(forms, "device", lambda choice: {"auto": "cuda"}[choice])
    fused = cell in ("simple_rnn", "lstm", "gru", "lstm_projection") and not masked
    assert isinstance(forms.FORMS["tuned"](spec, 0, 5), forms.Fused) is fused
    said = frameworks.supports("pytorch", spec).detail
    assert ("torch.nn." in said) is fused and "None" not in said


@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
@pytest.mark.parametrize(
    "cell, form", [(cell, form) for cell in CELLS for form in FORMS if offered("pytorch", cell, form)]
)
def test_no_form_leaves_a_tensor_on_the_cpu(torch, cell, form, padded):
    """Operators refuse a tensor of ``meta`` beside one of the CPU, as they do one of a GPU."""
    from frameworks.pytorch import forms
    from frameworks.pytorch.padding import make_padding

    spec = make_spec(cell, form, "pytorch", depth=1, dropout=0.0)
    if padded and isinstance(module := forms.FORMS[form](spec, 0, 5), forms.Layer) and form != "unrolled":
        pytest.skip("a packed sequence's lengths are read, and stand on the CPU also on a GPU")
    module = forms.FORMS[form](spec, 0, 5).to("meta")
    states = zero_states(spec.network, lambda size: torch.zeros((BATCH, size), device="meta"))[0]
    padding = make_padding(torch.zeros(BATCH, device="meta"), TIME, "left", False) if padded else None
    x = torch.zeros((BATCH, TIME, 5), device="meta", requires_grad=True)
    sequence, last = module(x, states, padding)
    gradients = torch.autograd.grad(sequence.sum() + last[-1].sum(), [x, *module.parameters()])
    assert {each.device.type for each in (sequence, *last, *gradients)} == {"meta"}


@pytest.mark.parametrize("squared", [False, True])
def test_entries_are_summed_alike_in_any_order_and_in_the_words_order(torch, squared):
    from frameworks.pytorch import training

    words, entries = torch.tensor([3, 1, 3, 3]), torch.arange(8.0).reshape(4, 2)
    g = torch.sparse_coo_tensor(words[None], entries, (5, 2), check_invariants=True)
    summed = training.dense(g, squared)
    on_gpu = training._add_rows(torch.zeros(5, 2), words, entries.square() if squared else entries, on_gpu=True)
    assert torch.equal(summed, on_gpu)
    assert summed[3].tolist() == ([0 + 16 + 36, 1 + 25 + 49] if squared else [0 + 4 + 6, 1 + 5 + 7])


@pytest.mark.parametrize("fused, device", [(True, "meta"), (False, "cpu")])
def test_a_fused_update_counts_its_steps_beside_the_variable(torch, fused, device):
    """On a GPU the fused kernel refuses a count on the CPU; ``meta`` stands for the GPU."""
    from frameworks.pytorch.training import StockOptimiser

    variable = torch.nn.Parameter(torch.empty(2, device="meta"))
    optimiser = StockOptimiser(make_spec("gru", "layer", "stock"), [SimpleNamespace(variable=variable)])
    optimiser.optimiser.param_groups[0]["fused"] = fused
    kept = {"step": np.array(7.0, np.float32), "exp_avg": np.ones(2), "exp_avg_sq": np.ones(2)}
    optimiser.restore({f"optimiser/0/{name}": value for name, value in kept.items()})
    state = optimiser.optimiser.state[variable]
    assert state["step"].device.type == device and state["exp_avg"].device.type == "meta"


def test_a_restored_optimiser_keeps_its_rate_and_its_steps(torch):
    one, other = build("tuned", dropout=0.0), build("tuned", dropout=0.0)
    batch = make_batch(one.spec)
    one.train_step(batch)
    other.set_learning_rate(0.25)
    other.optimiser.restore(one.checkpoint())
    assert other.optimiser.optimiser.param_groups[0]["lr"] == 0.25
    assert {float(state["step"]) for state in other.optimiser.optimiser.state.values()} == {1.0}


def test_a_checkpoint_makes_cudnns_dropout_begin_anew(torch, monkeypatch):
    """It does at the next step once the generator's state is set; what state it had cannot be read."""
    model, state, given = build(), torch.arange(16, dtype=torch.uint8), []
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda: state)
    monkeypatch.setattr(torch.cuda, "set_rng_state", given.append)
    model.device = "cuda"
    kept = model.checkpoint()
    np.testing.assert_array_equal(kept["random/cuda"], state.numpy())
    assert len(given) == 1 and torch.equal(given[0], state)


def test_jacobians_off_the_cpu_are_taken_in_training_mode_from_contiguous_states(torch):
    model = build(conventions="pytorch", depth=1, dropout=0.0, dtype="float64")
    x, seen = make_batch(model.spec).x, []
    wanted = model.state_jacobians(x)
    assert not model.stack.training
    model.stack.register_forward_pre_hook(
        lambda stack, given: seen.extend((stack.training, part.is_contiguous()) for part in given[1][0])
    )
    model.device = "cpu:0"  # another name of the same, for want of a GPU
    np.testing.assert_array_equal(model.state_jacobians(x), wanted)
    assert set(seen) == {(True, True)}


def test_the_floor_on_a_gpu_is_recorded_once_and_replayed(torch, monkeypatch):
    from frameworks.pytorch import profiling

    recorded, replayed = [], []

    def record(call):
        recorded.append(call)
        return SimpleNamespace(replay=lambda: replayed.append(call))

    monkeypatch.setattr(profiling, "_recorded", record)
    run = profiling.floor([Product(2, 3, 4, 5)], "float32", "meta")
    run()
    run()
    assert len(recorded) == 1 and replayed == recorded * 2
    profiling.floor([Product(2, 3, 4, 5)], "float32", "cpu")()
    assert len(recorded) == 1


def test_the_environment_names_the_gpu_that_was_used(torch, monkeypatch):
    from frameworks.pytorch import runtime

    assert not {"gpu", "cudnn"} & set(runtime.environment())
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Toy GPU")
    assert runtime.environment()["gpu"] == "Toy GPU"
