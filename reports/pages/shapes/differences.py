"""The differences that a port meets: what each framework does, filled in from its own results, and what to do.

``{snippet.result}`` is a result of the lines in ``experiments/probes/calls``; ``{snippet.result:a|b}`` says a if it is
true, else b. Only ``advice`` is typed in; ``assumes`` are the results that it rests on, in words, by framework.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Assumed = Mapping[str, Mapping[str, str]]  # framework → snippet.result → its words


@dataclass(frozen=True)
class Difference:
    """A row of the table: what each framework does, what to do, and what that assumes."""

    title: str
    tf2: str
    pytorch: str
    advice: str
    assumes: Assumed
    bites: tuple[str, str] | None = None  # the front page's words for both, if it is one of those that bite most

    def of(self, framework: str) -> str:
        """The framework's own entry, results not yet filled in."""
        return {"tf2": self.tf2, "pytorch": self.pytorch}[framework]


DIFFERENCES = (
    Difference(
        "First axis of the input",
        "{return_state.h_follows_batch:batch: (B, T, I)|time: (T, B, I)}",
        "{defaults.h_follows_batch:batch: (B, T, I)|time: (T, B, I)}; "
        "{batch_first.h_follows_batch:batch|time} with `batch_first=True`",
        "Pass `batch_first=True` to every nn layer. Nothing warns: both orders run.",
        {
            "tf2": {"return_state.h_follows_batch": "yes"},
            "pytorch": {"defaults.h_follows_batch": "no", "batch_first.h_follows_batch": "yes"},
        },
        bites=(
            "Keras takes the input's first axis for the {return_state.h_follows_batch:batch|time}",
            "PyTorch for the {defaults.h_follows_batch:batch|time} unless told `batch_first=True`, and nothing warns",
        ),
    ),
    Difference(
        "A layer returns",
        "`out` {defaults.out}",
        "`out` {batch_first.out}, `h` {batch_first.h}, `c` {batch_first.c}",
        "Keras gives the rest with `return_sequences=True` and `return_state=True`.",
        {
            "tf2": {"defaults.out": "(B, H)", "sequences_and_states.out": "(B, T, H)"},
            "pytorch": {"batch_first.out": "(B, T, H)", "batch_first.h": "(1, B, H)"},
        },
        bites=(
            "A Keras layer returns {defaults.out}",
            "one of PyTorch {batch_first.out} and the states {batch_first.h}",
        ),
    ),
    Difference(
        "Last output, one layer",
        "`out` {defaults.out}; of all steps `out[:, -1]`: {sequences_and_states.last_step_is_last_output}",
        "`out[:, -1]`: {sequences_and_states.last_step_is_last_output}; `h[-1]` is the same",
        "Write `h[-1]` in PyTorch: it holds for padded and stacked layers too.",
        {
            "tf2": {"sequences_and_states.last_step_is_last_output": "yes"},
            "pytorch": {
                "sequences_and_states.last_step_is_last_output": "yes",
                "stacked.top_state_is_output": "yes",
                "mask.state_is_last_valid": "yes",
            },
        },
    ),
    Difference(
        "Last output, both directions",
        "`last` {both_directions_last.last}; of all steps `out[:, -1]`: {both_directions.last_step_is_last_output}",
        "`torch.cat([h[0], h[1]], dim=-1)` {both_directions_last.last}; `out[:, -1]`: "
        "{both_directions.last_step_is_last_output}",
        "Join the states. The backward layer ends at the first step, not at the last.",
        {
            "tf2": {
                "both_directions.last_step_is_last_output": "no",
                "both_directions.backward_state_is_at_first_step": "yes",
            },
            "pytorch": {
                "both_directions.last_step_is_last_output": "no",
                "both_directions.backward_state_is_at_first_step": "yes",
                "both_directions_last.last": "(B, 2·H)",
            },
        },
        bites=(
            "With both directions `out[:, -1]` {both_directions.last_step_is_last_output:is|is not} the last output in "
            "Keras, whose default gives it",
            "it {both_directions.last_step_is_last_output:is|is not} in PyTorch, where `h[0]` and `h[1]` joined are",
        ),
    ),
    Difference(
        "Last states",
        "one of each layer and direction: `h` {return_state.h}, `c` {return_state.c}",
        "all in one: `h` {return_state.h}; two layers {stacked.h}, both directions {both_directions.h}, two layers of "
        "both {stacked_both_directions.h}",
        "Layer by layer, forward before backward. The batch is never first, whatever `batch_first` says.",
        {
            "tf2": {"stacked.h2": "(B, H)", "both_directions.backward_h": "(B, H)"},
            "pytorch": {
                "stacked_both_directions.h": "(4, B, H)",
                "stacked_both_directions.top_layer_is_last": "yes",
                "initial_states_batch_first.refused": "yes",
            },
        },
    ),
    Difference(
        "Initial states",
        "{initial_states.zeros_if_not_given:zeros|not zeros}; `initial_state=[h, c]`, {initial_states.h} each",
        "{initial_states.zeros_if_not_given:zeros|not zeros}; `(h, c)`, {initial_states.h} each",
        "`h[None]` makes Keras's state PyTorch's, `h[0]` the reverse.",
        {"tf2": {"initial_states.h": "(B, H)"}, "pytorch": {"initial_states.h": "(1, B, H)"}},
    ),
    Difference(
        "States between calls",
        "{not_stateful.goes_on_by_itself:kept|forgotten}; with `stateful=True` "
        "{stateful.goes_on_by_itself:kept|forgotten}",
        "{stateful.goes_on_by_itself:kept|forgotten}; {stateful.goes_on_if_handed_on:kept|forgotten} if handed on: "
        "`rnn(x, states)`",
        "Hand the states on, detached. Keras's `reset_state()` is to hand none on.",
        {
            "tf2": {"stateful.goes_on_by_itself": "yes", "stateful.starts_again_after_reset": "yes"},
            "pytorch": {"stateful.goes_on_by_itself": "no", "stateful.goes_on_if_handed_on": "yes"},
        },
    ),
    Difference(
        "A cell returns",
        "`out` {lstm_cell.out}, `states` {lstm_cell.states}; states must be given: {cell_without_states.refused}",
        "`h` {lstm_cell.h}, `c` {lstm_cell.c}; states must be given: {cell_without_states.refused}",
        "Keras's `out` is `states[0]`; use one of them.",
        {"tf2": {"lstm_cell.output_is_first_state": "yes"}, "pytorch": {"lstm_cell.h": "(B, H)"}},
    ),
    Difference(
        "Kernels",
        "`kernel` {lstm_weights.weights.kernel}, `recurrent_kernel` {lstm_weights.weights.recurrent_kernel}",
        "`weight_ih_l0` {lstm_weights.weights.weight_ih_l0}, `weight_hh_l0` {lstm_weights.weights.weight_hh_l0}",
        "Transpose each, those of `Dense` and `Linear` too.",
        {
            "tf2": {
                "lstm_weights.weights.kernel": "(I, 4·H)",
                "lstm_weights.weights.recurrent_kernel": "(H, 4·H)",
                "gru_weights.weights.kernel": "(I, 3·H)",
                "dense_weights.weights.kernel": "(H, 1)",
            },
            "pytorch": {
                "lstm_weights.weights.weight_ih_l0": "(4·H, I)",
                "lstm_weights.weights.weight_hh_l0": "(4·H, H)",
                "gru_weights.weights.weight_ih_l0": "(3·H, I)",
                "dense_weights.weights.weight": "(1, H)",
            },
        },
    ),
    Difference(
        "Gate order",
        "LSTM {lstm_gates.gates}; GRU {gru_gates.gates}",
        "LSTM {lstm_gates.gates}; GRU {gru_gates.gates}",
        "Swap the first two blocks of a GRU. An LSTM's gates stay.",
        {
            "tf2": {"lstm_gates.gates": "i f g o", "gru_gates.gates": "z r n"},
            "pytorch": {"lstm_gates.gates": "i f g o", "gru_gates.gates": "r z n"},
        },
        bites=(
            "A GRU's kernel is {gru_weights.weights.kernel} in Keras, its gates {gru_gates.gates}",
            "in PyTorch {gru_weights.weights.weight_ih_l0}, its gates {gru_gates.gates}",
        ),
    ),
    Difference(
        "Biases",
        "LSTM {lstm_weights.weights.bias}, "
        "{lstm_weights.forget_gate_starts_at_one:forget gate starts at 1|no gate starts at 1}; "
        "GRU {gru_weights.weights.bias}",
        "`bias_ih_l0`, `bias_hh_l0`: LSTM {lstm_weights.weights.bias_ih_l0} each, "
        "{lstm_weights.forget_gate_starts_at_one:forget gate starts at 1|no gate starts at 1}; "
        "GRU {gru_weights.weights.bias_ih_l0}",
        "LSTM: Keras's into `bias_ih_l0`, zeros into `bias_hh_l0`. GRU: row 0 and row 1.",
        {
            "tf2": {"lstm_weights.weights.bias": "(4·H,)", "gru_weights.weights.bias": "(2, 3·H)"},
            "pytorch": {"lstm_weights.weights.bias_hh_l0": "(4·H,)", "gru_weights.weights.bias_hh_l0": "(3·H,)"},
        },
    ),
    Difference(
        "Embedding's padding",
        "`mask_zero=True`: mask {embedding.mask}; row 0 {embedding.padding_is_zero:is zeros|is random}",
        "`padding_idx=0`: row 0 {embedding.padding_is_zero:is zeros|is random}, "
        "{embedding.padding_is_trained:trained|not trained}; no mask",
        "`padding_idx` hides no step from the layer above: pack as well.",
        {
            "tf2": {"mask_from_embedding.follows_by_itself": "yes"},
            "pytorch": {"mask_from_embedding.follows_by_itself": "no"},
        },
    ),
    Difference(
        "`dropout=`",
        "{dropout.acts_on_the_input:on the layer's input|not on the input}, "
        "{dropout.one_mask_for_all_steps:one mask for all steps|a new mask every step}",
        "{dropout.acts_between_layers:between layers|not between layers}, "
        "{dropout.one_mask_for_all_steps:one mask for all steps|a new mask every step}; one layer: "
        "{dropout_of_one_layer.acts:acts|does nothing}",
        "For Keras's, multiply each layer's input by a mask (B, 1, I).",
        {
            "tf2": {"dropout.acts_on_the_input": "yes", "dropout.one_mask_for_all_steps": "yes"},
            "pytorch": {
                "dropout.acts_between_layers": "yes",
                "dropout.one_mask_for_all_steps": "no",
                "dropout_of_one_layer.acts": "no",
            },
        },
    ),
    Difference(
        "What a mask is, where it is given",
        "{mask.mask}, true at a real step; from `mask_zero=True` "
        "{mask_from_embedding.follows_by_itself:by itself|not by itself}, "
        "{mask_from_embedding.survives_arithmetic:kept by|lost in} arithmetic",
        "no mask: lengths {mask.lengths} to `pack_padded_sequence`; from `padding_idx=0` "
        "{mask_from_embedding.follows_by_itself:by itself|not by itself}",
        "Pack before the layer, with `enforce_sorted=False`; else padding drives the state.",
        {
            "tf2": {"unmasked.padding_drives_the_state": "yes", "mask_from_embedding.survives_arithmetic": "no"},
            "pytorch": {
                "unmasked.padding_drives_the_state": "yes",
                "lengths_not_sorted.refused": "yes",
                "lengths_sorted_for_you.rows_keep_their_places": "yes",
            },
        },
    ),
    Difference(
        "Output at padded steps",
        "{mask.padded_steps_repeat_the_last:the last output again|not the last output}; both directions: "
        "{mask_in_both_directions.padded_steps_are_zero:zeros|not zeros}",
        "{mask.padded_steps_are_zero:zeros|not zeros}; both directions: "
        "{mask_in_both_directions.padded_steps_are_zero:zeros|not zeros}",
        "For PyTorch's, `zero_output_for_mask=True` in Keras.",
        {
            "tf2": {"mask.padded_steps_are_zero": "no", "mask_of_zero_output.padded_steps_are_zero": "yes"},
            "pytorch": {"mask.padded_steps_are_zero": "yes"},
        },
    ),
    Difference(
        "Is `out[:, -1]` the last valid output?",
        "{mask.last_step_is_last_valid}, by repetition; both directions: "
        "{mask_in_both_directions.last_step_is_last_valid}; `h`: {mask.state_is_last_valid}",
        "{mask.last_step_is_last_valid}; both directions: {mask_in_both_directions.last_step_is_last_valid}; `h[-1]`: "
        "{mask.state_is_last_valid}",
        "Take the states, in either framework.",
        {
            "tf2": {
                "mask_in_both_directions.last_step_is_last_valid": "no",
                "mask_of_zero_output.last_step_is_last_valid": "no",
                "mask.state_is_last_valid": "yes",
            },
            "pytorch": {"mask.last_step_is_last_valid": "no", "mask.state_is_last_valid": "yes"},
        },
    ),
    Difference(
        "Padding on the left",
        "{mask_on_the_left.equals_the_row_alone:masked like that on the right|not masked}",
        "{mask_on_the_left.equals_the_row_alone:packed rightly|packed wrongly: its first steps are taken}",
        "Move each row's steps to the left before packing.",
        {
            "tf2": {"mask_on_the_left.equals_the_row_alone": "yes"},
            "pytorch": {"mask_on_the_left.equals_the_row_alone": "no"},
        },
    ),
)
