"""Writes pytorch.json: PyTorch's outputs of the layers, for tests/pytorch.rs.

    python3 crates/nn/tests/pytorch.py > crates/nn/tests/pytorch.json

Inputs have the seed 0 (and 10, ..). The parameters of a layer have the seeds 1, 2, .. in order.
"""
import json
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def wave(shape, seed):
    n = torch.Size(shape).numel()
    return (0.5 * torch.sin(seed + 1.7 * torch.arange(n))).reshape(shape)


def first(x):  # channels first: [n, t, h, w, c] to [n, c, t, h, w]
    return x.permute(0, 4, 1, 2, 3)


def last(x):
    return x.permute(0, 2, 3, 4, 1)


def kernel(w):  # [kt, kh, kw, ci, co] to [co, ci, kt, kh, kw]
    return w.permute(4, 3, 0, 1, 2)


out = {}
out["linear"] = F.linear(wave([2, 3, 4], 0), wave([4, 5], 1).T, wave([5], 2))
out["conv"] = last(F.conv3d(first(wave([2, 3, 5, 4, 2], 0)), kernel(wave([3, 4, 3, 2, 3], 1)),
                            wave([3], 2), stride=(1, 2, 1), padding=(1, 1, 1)))
out["conv_transpose"] = last(F.conv_transpose3d(
    first(wave([2, 2, 3, 2, 3], 0)), kernel(wave([3, 4, 4, 2, 3], 1)), wave([2], 2),
    stride=(1, 2, 2), padding=(1, 1, 1)))
out["norm"] = last(F.leaky_relu(F.group_norm(first(wave([2, 2, 3, 2, 6], 0)), 3, wave([6], 1),
                                             wave([6], 2)), 0.2))
x, modulation = first(wave([2, 2, 3, 2, 6], 0)), wave([2, 4], 10) @ wave([4, 12], 1) + wave([12], 2)
scale, shift = modulation.reshape(2, 2, 6, 1, 1, 1).unbind(1)
out["conditional_norm"] = last(F.leaky_relu(F.group_norm(x, 3) * scale + shift, 0.2))

lstm = torch.nn.LSTM(3, 4, batch_first=True)
with torch.no_grad():
    lstm.weight_ih_l0.copy_(wave([3, 16], 1).T)
    lstm.bias_ih_l0.copy_(wave([16], 2))
    lstm.weight_hh_l0.copy_(wave([4, 16], 3).T)
    lstm.bias_hh_l0.zero_()
out["lstm"] = lstm(wave([2, 5, 3], 0))[0].transpose(0, 1)

gru = torch.nn.GRU(3, 4, batch_first=True)
with torch.no_grad():
    gru.weight_ih_l0.copy_(wave([3, 12], 1).T)
    gru.bias_ih_l0.copy_(wave([12], 2))
    gru.weight_hh_l0.copy_(wave([4, 12], 3).T)
    gru.bias_hh_l0.copy_(wave([12], 4))
out["gru"] = gru(wave([2, 5, 3], 0))[0].transpose(0, 1)
# The first sequence of the batch has 5 time steps, the second 2; the rest is padding.
both = torch.nn.GRU(3, 4, batch_first=True, bidirectional=True)
with torch.no_grad():
    for name, p in gru.named_parameters():
        getattr(both, name).copy_(p)
        getattr(both, name + "_reverse").copy_(p)
packed = torch.nn.utils.rnn.pack_padded_sequence(wave([2, 5, 3], 0), [5, 2], batch_first=True)
padded, ends = both(packed)
padded = torch.nn.utils.rnn.pad_packed_sequence(padded, batch_first=True)[0].transpose(0, 1)
out["gru_masked_end"] = ends[0]
out["gru_masked_reverse"] = padded[:, :, 4:]

h = c = torch.zeros(2, 2, 1, 3, 3)
states = []
for t in range(3):
    x = first(wave([2, 3, 3, 3, 2], 0))[:, :, t:t + 1]
    gates = F.conv3d(x, kernel(wave([1, 3, 3, 2, 8], 1)), wave([8], 2), padding=(0, 1, 1))
    gates = gates + F.conv3d(h, kernel(wave([1, 3, 3, 2, 8], 3)), padding=(0, 1, 1))
    i, f, g, o = gates.chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    states.append(last(h))
out["conv_lstm"] = torch.stack(states)

h = torch.zeros(2, 2, 1, 3, 3)
states = []
for t in range(3):
    x = first(wave([2, 3, 3, 3, 2], 0))[:, :, t:t + 1]
    a = F.conv3d(x, kernel(wave([1, 3, 3, 2, 6], 1)), wave([6], 2), padding=(0, 1, 1))
    b = F.conv3d(h, kernel(wave([1, 3, 3, 2, 6], 3)), wave([6], 4), padding=(0, 1, 1))
    (ar, az, an), (br, bz, bn) = a.chunk(3, 1), b.chunk(3, 1)
    r, z = (ar + br).sigmoid(), (az + bz).sigmoid()
    h = (1 - z) * (an + r * bn).tanh() + z * h
    states.append(last(h))
out["conv_gru"] = torch.stack(states)

# Three steps of each optimiser; the gradient of step k has the seed 10 + k and is halved.
def optimised(optimiser, **config):
    p = torch.nn.Parameter(wave([4, 5], 1))
    optimiser = optimiser([p], lr=0.01, **config)
    for k in range(3):
        p.grad = 0.5 * wave([4, 5], 10 + k)
        optimiser.step()
    return p


betas = dict(betas=(0.5, 0.9), eps=1e-8)
out["adam"] = optimised(torch.optim.Adam, **betas)
out["adamw"] = optimised(torch.optim.AdamW, weight_decay=0.2, **betas)
out["sgd"] = optimised(torch.optim.SGD, momentum=0.9, weight_decay=0.2)

flat = {name: [round(v, 9) for v in t.detach().flatten().tolist()] for name, t in out.items()}
print("{\n" + ",\n".join(f'"{name}": {json.dumps(v)}' for name, v in flat.items()) + "\n}")
