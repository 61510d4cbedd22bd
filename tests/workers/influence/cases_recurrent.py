"""Recurrent layers in each of their forms."""

from torch import nn

from tests.workers.influence.case import Case, floats
from tests.workers.influence.recurrent_networks import Cells, Recurrent

STEPS = floats(6, 4)
PACKED = tuple(
    f"recurrent.{part}_{side}_l0" for part in ("weight", "bias") for side in ("ih", "hh")
)

RECURRENT = [
    Case("lstm", lambda: Recurrent(nn.LSTM), STEPS),
    Case("lstm-steps-equal-batch", lambda: Recurrent(nn.LSTM), floats(5, 4)),
    Case(
        "lstm-deep-both-ways-batch-second",
        lambda: Recurrent(
            nn.LSTM, num_layers=2, bidirectional=True, batch_first=False, dropout=0.5
        ),
        STEPS,
    ),
    Case("lstm-no-bias", lambda: Recurrent(nn.LSTM, bias=False), STEPS),
    Case(
        "lstm-projected",
        lambda: Recurrent(nn.LSTM, proj_size=3, num_layers=2, bidirectional=True),
        STEPS,
    ),
    Case("lstm-packed", lambda: Recurrent(nn.LSTM, packed=True), STEPS, slow=PACKED),
    Case("gru", lambda: Recurrent(nn.GRU), STEPS),
    Case(
        "gru-deep-both-ways",
        lambda: Recurrent(nn.GRU, num_layers=2, bidirectional=True, bias=False),
        STEPS,
    ),
    Case("gru-learned-start", lambda: Recurrent(nn.GRU, learned=True), STEPS),
    Case("gru-packed", lambda: Recurrent(nn.GRU, packed=True), STEPS, slow=PACKED),
    Case("rnn-tanh", lambda: Recurrent(nn.RNN, batch_first=False), STEPS),
    Case("rnn-relu-deep", lambda: Recurrent(nn.RNN, nonlinearity="relu", num_layers=2), STEPS),
    Case("lstm-cells", lambda: Cells(nn.LSTMCell), STEPS),
    Case("gru-cells", lambda: Cells(nn.GRUCell), STEPS),
    Case("rnn-cells", lambda: Cells(nn.RNNCell), STEPS),
]
