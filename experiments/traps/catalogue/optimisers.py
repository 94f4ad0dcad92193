"""Traps of the optimisers: the same name, another rule or another default."""

from experiments.traps import cases
from experiments.traps.trap import Trap

MOVED = "how far the parameter moved in 50 steps"

TRAPS = (
    Trap(
        "optimisers",
        "two_biases",
        "Two biases learn twice as fast",
        "PyTorch's layers have two biases with equal gradients, Keras's LSTM has one: the sum of two moves twice as "
        "far at each step.",
        "how far the bias, or the sum of both, moved in 20 steps of SGD",
        cases.trained,
        ("onnx/onnx#1127", "pytorch/pytorch#36905"),
    ),
    Trap(
        "optimisers",
        "adam_epsilon",
        "Adam's ε",
        "Keras adds ε = 1e-7 to the uncorrected √v, PyTorch 1e-8 to the corrected √v̂: parameters with small gradients "
        "move at another rate.",
        MOVED,
        cases.updates,
        ("keras-team/keras#17391", "pytorch/pytorch#104857", "google-deepmind/optax#571"),
    ),
    Trap(
        "optimisers",
        "rmsprop_epsilon",
        "RMSprop's ρ and ε",
        "Keras keeps 0.9 of the average and adds ε = 1e-7 inside the root, PyTorch keeps 0.99 and adds 1e-8 outside.",
        MOVED,
        cases.updates,
        ("pytorch/pytorch#23796",),
    ),
    Trap(
        "optimisers",
        "learning_rate",
        "Default learning rates",
        "RMSprop's and Adagrad's rate is 1e-3 by default in Keras and 1e-2 in PyTorch, SGD's 1e-2 and 1e-3. Shown is "
        "RMSprop.",
        "accuracy on the digits after 5 epochs",
        cases.digits,
        ("tensorflow/tensorflow#36785",),
        scores=True,
    ),
    Trap(
        "optimisers",
        "clip_norm",
        "clipnorm is per variable",
        "Keras's clipnorm clips each variable's gradient by itself, PyTorch's clip_grad_norm_ the norm of all "
        "together: the directions differ too.",
        "one step of SGD from gradients of norm 10 and 2, clipped at 1",
        cases.two_gradients,
        ("tensorflow/tensorflow#29108", "keras-team/keras#13575"),
    ),
    Trap(
        "optimisers",
        "adamw_decay",
        "AdamW's weight decay",
        "Keras decays weights by 0.004 by default, PyTorch by 0.01.",
        "how far the parameter moved in 200 steps",
        cases.decayed,
        ("keras-team/keras#19051",),
        tolerance=1e-3,  # the two ε, of which each framework has its own
    ),
    Trap(
        "optimisers",
        "schedule_step",
        "A schedule counted in batches or in epochs",
        "Keras's schedules count the optimiser's steps, PyTorch's the calls of scheduler.step(), which tutorials make "
        "once an epoch.",
        "the learning rate at each of 60 steps, in three epochs",
        cases.schedule,
        ("crowsonkb/k-diffusion#50",),
    ),
)
