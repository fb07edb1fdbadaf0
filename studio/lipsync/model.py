"""The network: origin/lipsync/net-worker.ts runs it; models/lipsync/README.md has its inputs and outputs."""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from data import BANDS
from shapes import VISEMES

# Rows of 20 ms by which each head trails its sound: look-ahead of 0, 40, 80 and 200 ms.
DELAYS = (0, 2, 4, 10)
CHANNELS, MEMORY = 96, 128

State = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class LipSync(nn.Module):
    """Log-mel frames [batch, 2 T, 40] and state to logits [batch, T, heads, 15] and state; every layer looks back only."""

    def __init__(self, dropout: float = 0.1) -> None:
        super().__init__()
        self.c1 = nn.Conv1d(BANDS, CHANNELS, 3)
        self.c2 = nn.Conv1d(CHANNELS, CHANNELS, 4, stride=2)
        self.rnn = nn.GRU(CHANNELS, MEMORY, batch_first=True)
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(MEMORY, len(DELAYS) * len(VISEMES))

    def forward(self, mel: torch.Tensor, c1: torch.Tensor, c2: torch.Tensor, h: torch.Tensor) -> tuple[torch.Tensor, ...]:
        heard = torch.cat([c1, mel.transpose(1, 2)], 2)
        first = torch.cat([c2, torch.relu(self.c1(heard))], 2)
        second = self.drop(torch.relu(self.c2(first)))
        remembered, h_after = self.rnn(second.transpose(1, 2), h)
        logits = self.out(self.drop(remembered))
        return logits.view(logits.shape[0], logits.shape[1], len(DELAYS), len(VISEMES)), heard[:, :, -2:], first[:, :, -2:], h_after


def rest(batch: int) -> State:
    return torch.zeros(batch, BANDS, 2), torch.zeros(batch, CHANNELS, 2), torch.zeros(1, batch, MEMORY)


def from_onnx(file: Path) -> LipSync:
    """Weights of an exported network, to go on from. ONNX orders a GRU's gates z r n, torch r z n."""
    values = {}
    for node in (graph := onnx.load(file).graph).node:
        tensors = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        held = [tensors[name] for name in node.input if name in tensors]
        if node.op_type == "GRU":
            turned = lambda w: np.concatenate([w[MEMORY : 2 * MEMORY], w[:MEMORY], w[2 * MEMORY :]])
            inputs, memory, bias = (array[0] for array in held)
            values["rnn.weight_ih_l0"], values["rnn.weight_hh_l0"] = turned(inputs), turned(memory)
            values["rnn.bias_ih_l0"], values["rnn.bias_hh_l0"] = turned(bias[: 3 * MEMORY]), turned(bias[3 * MEMORY :])
        elif node.op_type == "Conv":
            name = "c1" if held[0].shape[1] == BANDS else "c2"
            values[f"{name}.weight"], values[f"{name}.bias"] = held
        elif node.op_type == "MatMul":
            values["out.weight"] = held[0].T
        elif node.op_type == "Add":
            values["out.bias"] = held[0]
    model = LipSync()
    model.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in values.items()})
    return model
