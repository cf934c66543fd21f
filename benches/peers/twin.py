"""The networks and the training step of kinora in PyTorch, as PyTorch's users would write them.

`cargo xtask bench` starts this program. It answers each request, a JSON object on one line of stdin, with
a JSON object on one line of stdout, and waits in between:

    {"op": "hello", "threads": 2, "device": "cpu"}              versions
    {"op": "load", "config": {..}, "file": "x.safetensors"}     builds the networks from our weights
    {"op": "check"}                                             largest differences from our outputs
    {"op": "step", "r1": false, "times": 3}                     seconds for 3 training steps
    {"op": "sample", "films": 64, "times": 3}                   seconds for 3 batches of films
    {"op": "memory", "last": true}                              the peak of some steps in bytes
    {"op": "conv", "part": "input", "x": [..], .., "times": 3}  seconds for 3 gradients by the input
    {"op": "matmul", "side": 512, "times": 3}                   seconds for 3 products

With "enlarged": true, `conv` is the convolution of the picture upsampled by two. On the device "cuda"
convolutions use 32-bit floats, or with "tf32": true PyTorch's default, TF32. With "compiled": true,
`step` and `sample` use networks from `torch.compile`; the compilation is not timed. Where that does not
work, the reply is {"skipped": "why"}.

Weights have the names and shapes of kinora's files; this program converts them to PyTorch's order of
axes: channels before t, h, w, and outputs before inputs.
"""

import contextlib
import json
import math
import sys
import textwrap
import time
import traceback

import torch
import torch.nn.functional as F
from torch import nn

SLOPE = 0.2
EPSILON = 1e-5
FRAMES_JUDGED = 2
# Channels per group of the matcher's norms, and the matcher's largest inverse temperature.
GROUP, SHARPEST = 8, 40.0
NETWORKS = ("generator", "clips", "frames", "matcher")


def read(path):
    """The tensors of a safetensors file of 32-bit floats."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    start = 8 + int.from_bytes(data[:8], "little")
    tensors = {}
    for name, info in json.loads(data[8:start]).items():
        if name != "__metadata__":
            begin, end = info["data_offsets"]
            flat = torch.frombuffer(
                data, dtype=torch.float32, count=(end - begin) // 4, offset=start + begin
            )
            tensors[name] = flat.view(info["shape"]).to(torch.get_default_device(), copy=True)
    return tensors


class Weights:
    """The tensors of a file whose names begin with a path, copied into layers in PyTorch's axis order."""

    def __init__(self, tensors, path=""):
        self.tensors, self.path = tensors, path

    def below(self, name):
        return Weights(self.tensors, f"{self.path}{name}.")

    def take(self, name):
        return self.tensors[self.path + name]

    def find(self, name):
        return self.tensors.get(self.path + name)

    def linear(self, rows=lambda w: w):
        """Copies a linear layer; `rows` reorders the outputs of the weight [out, in] and the bias [out]."""
        weight = self.take("weight")
        bias = self.find("bias")
        layer = nn.Linear(*weight.shape, bias=bias is not None)
        layer.weight.data.copy_(rows(weight.t()))
        if bias is not None:
            layer.bias.data.copy_(rows(bias))
        return layer

    def conv(self, layout, stride=(1, 1, 1), padding=(0, 1, 1)):
        weight = self.take("weight").permute(4, 3, 0, 1, 2)
        bias = self.find("bias")
        kind, cut = (nn.Conv2d, 1) if weight.shape[2] == 1 else (nn.Conv3d, 0)
        if cut:
            weight = weight.squeeze(2)
        out, ci, *kernel = weight.shape
        layer = kind(ci, out, kernel, stride[cut:], padding[cut:], bias=bias is not None)
        layer.weight.data = weight.clone(memory_format=layout)
        if bias is not None:
            layer.bias.data.copy_(bias)
        return layer


def gru(weights, backward=None):
    """Copies a GRU: kinora's cell and `nn.GRU` have the same equations and the same order of gates."""
    directions = [(weights, "")] + ([(backward, "_reverse")] if backward else [])
    d, gates = weights.take("input.weight").shape
    layer = nn.GRU(d, gates // 3, batch_first=True, bidirectional=backward is not None)
    for source, suffix in directions:
        for ours, theirs in [("input", "ih"), ("state", "hh")]:
            weight = source.take(f"{ours}.weight").t()
            getattr(layer, f"weight_{theirs}_l0{suffix}").data.copy_(weight)
            getattr(layer, f"bias_{theirs}_l0{suffix}").data.copy_(source.take(f"{ours}.bias"))
    return layer


def flat(layer, size, channels):
    """Reorders the inputs of a linear layer, of which the first are a picture: [.., h, w, c] in kinora,
    [c, .., h, w] in PyTorch; `size` is [.., h, w]. The inputs after the picture keep their order."""
    weight = layer.weight.data
    left = math.prod(size) * channels
    picture = weight[:, :left].view(len(weight), *size, channels).movedim(-1, 1)
    weight.copy_(torch.cat([picture.reshape(len(weight), left), weight[:, left:]], 1))
    return layer


class Encoder(nn.Module):
    def __init__(self, config, weights):
        super().__init__()
        self.unit = config["encoder"]["unit"]
        table = weights.take("words.table.table")
        self.table = nn.Embedding(*table.shape, _weight=table.clone())
        said = [weights.find(f"words.said.{k}.table") for k in range(2)]
        self.said = nn.ModuleList(
            nn.Embedding(*table.shape, _weight=table.clone()) for table in said if table is not None
        )
        has_vectors = weights.find("words.project.weight") is not None
        self.project = weights.below("words.project").linear() if has_vectors else None
        sentence = weights.below("sentence")
        self.gru = gru(sentence.below("forward"), sentence.below("backward"))
        self.join = sentence.below("join").linear()

    def forward(self, rows, vectors, lengths):
        """From integer rows [n, m, 3] (piece, part of speech, name), pre-trained vectors [n, m, d] and
        lengths [n] to V [n, longest, d], its attention bias, and s [n, d]."""
        longest = int(lengths.max())
        rows = rows[:, :longest]
        mask = (torch.arange(longest) < lengths.to(rows.device)[:, None]).float()
        # A word with a pre-trained vector has no row.
        words = self.table(rows[:, :, 0].clamp(min=0)) * (rows[:, :, :1] >= 0)
        if self.project is not None:
            words = words + self.project(vectors[:, :longest])
        said = [table(rows[:, :, k]) for k, table in enumerate(self.said, 1)]
        words = torch.cat([words, *said], 2) * mask[:, :, None]
        packed = nn.utils.rnn.pack_padded_sequence(
            words, lengths, batch_first=True, enforce_sorted=False
        )
        context, ends = self.gru(packed)
        context, _ = nn.utils.rnn.pad_packed_sequence(context, batch_first=True)
        mean = words.sum(1) / (mask.sum(1, keepdim=True) + 1e-6)
        sentence = self.join(torch.cat([ends[0], ends[1], mean], 1))
        if self.unit:
            sentence = sentence * (sentence.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        return context, mask * 1e4 - 1e4, sentence


class Generator(nn.Module):
    def __init__(self, config, weights, formats):
        super().__init__()
        clip, sizes = config["clip"], config["generator"]
        self.frames = clip["frames"]
        factor = 2 ** len(sizes["decoder"])
        self.base = [clip["height"] // factor, clip["width"] // factor]
        self.inputs, self.hidden, self.group = sizes["input"], sizes["hidden"], sizes["group"]
        self.direct = sizes["direct"]
        self.layout = torch.channels_last if formats["generator"] else torch.contiguous_format
        self.joined = formats["joined"]

        # kinora's axes end in [h, w, c], PyTorch's in [c, h, w].
        def rows(x):
            picture = x.view(*self.base, self.inputs, *x.shape[1:])
            return picture.movedim(2, 0).reshape(x.shape)

        has_style = weights.find("style.0.weight") is not None
        style = [weights.below(f"style.{i}").linear() for i in range(2)] if has_style else []
        self.style = nn.ModuleList(style)
        self.noise = gru(weights.below("noise"))
        self.position = nn.Parameter(weights.take("position.table").clone())
        self.attention = nn.Parameter(weights.take("attention.weight").clone())
        self.pose = weights.below("pose").linear() if has_style else None
        self.plan = weights.below("plan").linear(rows)
        self.moment = weights.below("moment").linear(rows)
        # Two more paths: to the style, and to the recurrence.
        self.wide = weights.find("wide.style.0.weight") is not None
        if self.wide:
            wide = weights.below("wide")
            self.to_style = nn.ModuleList(wide.below(f"style.{i}").linear() for i in range(2))
            plan = [wide.below("plan.0").linear(), wide.below("plan.1").linear(rows)]
            self.to_plan = nn.ModuleList(plan)
        self.input = weights.below("recurrence.input").conv(self.layout)
        self.state = weights.below("recurrence.state").conv(self.layout)
        # Past the recurrence to the decoder.
        bypass = weights.below("bypass")
        has_bypass = bypass.find("weight") is not None
        self.bypass = bypass.conv(self.layout, padding=(0, 0, 0)) if has_bypass else None
        # Attention of each cell: what it asks, and what it is told.
        cells = [weights.find(f"cells.{name}.weight") for name in ("attention", "tell")]
        self.cells = None if cells[0] is None else nn.ParameterList(
            nn.Parameter(weights.take(f"cells.{name}.weight").clone()) for name in ("attention", "tell")
        )
        blocks = [weights.below(f"decoder.{i}") for i in range(len(sizes["decoder"]))]
        # A residual block before each block of the decoder.
        refine = [weights.below(f"refine.{i}") for i in range(len(blocks))]
        self.refine = weights.find("refine.0.first.weight") is not None
        if self.refine:
            self.firsts = nn.ModuleList(part.below("first").conv(self.layout) for part in refine)
            self.betweens = nn.ModuleList(part.below("norm.modulation").linear() for part in refine)
            self.seconds = nn.ModuleList(part.below("second").conv(self.layout) for part in refine)
        self.convs = nn.ModuleList(block.below("conv").conv(self.layout) for block in blocks)
        self.norms = nn.ModuleList(block.below("norm.modulation").linear() for block in blocks)
        palette = weights.find("palette.weight")
        padding = (0, 1, 1) if palette is None else (0, 0, 0)
        self.output = weights.below("output").conv(self.layout, padding=padding)
        self.palette = None if palette is None else weights.below("palette").linear()

    def forward(self, words, bias, sentence, z, epsilon):
        """Frames [n, t, c, h, w]."""
        n, t = z.shape[0], self.frames
        noises, _ = self.noise(epsilon)
        both = known = torch.cat([sentence, z], 1)
        for k, layer in enumerate(self.style):
            known = layer(known)
            if self.wide and k == 1:
                first, second = self.to_style
                known = known + second(F.leaky_relu(first(both), SLOPE))
            known = F.leaky_relu(known, SLOPE)
        places = self.position[:, None].expand(t, n, -1)
        posed = torch.cat([known.expand(t, n, -1), places], 2)
        seen = torch.cat([posed, both.expand(t, n, -1)], 2) if self.wide else None
        if self.pose is not None:
            posed = F.leaky_relu(self.pose(posed), SLOPE)
        plans = self.plan(posed)
        if self.wide:
            first, second = self.to_plan
            plans = plans + second(F.leaky_relu(first(seen), SLOPE))
        # One convolution over input and state together, or one over each.
        if self.joined:
            kernel = torch.cat([self.input.weight, self.state.weight], 1)
        h = z.new_zeros(n, self.hidden, *self.base).contiguous(memory_format=self.layout)
        c = torch.zeros_like(h)
        asked = words.transpose(1, 2)
        scale = words.shape[2] ** -0.5
        contexts, inputs, states = [], [], []
        for plan, noise in zip(plans.unbind(0), noises.unbind(1)):
            query = torch.cat([sentence, h.mean((2, 3))], 1) @ self.attention
            score = torch.bmm(query[:, None], asked)[:, 0] * scale + bias
            context = torch.bmm(score.softmax(1)[:, None], words)[:, 0]
            x = plan + self.moment(torch.cat([context, noise], 1))
            if self.bypass is not None:
                x = F.layer_norm(x, x.shape[1:], eps=EPSILON)
            x = F.leaky_relu(x, SLOPE)
            x = x.view(n, self.inputs, *self.base).contiguous(memory_format=self.layout)
            if self.joined:
                gates = F.conv2d(torch.cat([x, h], 1), kernel, self.input.bias, padding=1)
            else:
                gates = self.input(x) + self.state(h)
            i, f, g, o = gates.chunk(4, 1)
            c = torch.addcmul(f.sigmoid() * c, i.sigmoid(), g.tanh())
            h = o.sigmoid() * c.tanh()
            contexts.append(context)
            inputs.append(x)
            states.append(h)
        x = torch.stack(states, 1)
        if self.bypass is not None:
            past = self.bypass(torch.cat(inputs))
            x = x + past.unflatten(0, (t, n)).transpose(0, 1)
        if self.cells is not None:
            # [n, t · h · w, hidden]
            flat = x.permute(0, 1, 3, 4, 2).reshape(n, -1, self.hidden)
            score = torch.bmm(flat @ self.cells[0], asked) * scale + bias[:, None]
            told = torch.bmm(score.softmax(2), words) @ self.cells[1]
            x = x + told.view(n, t, *self.base, self.hidden).permute(0, 1, 4, 2, 3)
        x = x.flatten(0, 1).contiguous(memory_format=self.layout)
        per_frame = known[:, None].expand(n, t, -1)
        condition = [per_frame, torch.stack(contexts, 1)]
        if self.direct:
            condition.append(sentence[:, None].expand(n, t, -1))
        condition = torch.cat(condition, 2).flatten(0, 1)
        for k, (conv, norm) in enumerate(zip(self.convs, self.norms)):
            if self.refine:
                within = self.normed(self.firsts[k](x), self.betweens[k], condition)
                x = x + self.seconds[k](within)
            x = conv(F.interpolate(x, scale_factor=2, mode="nearest"))
            x = self.normed(x, norm, condition)
        x = self.output(x).unflatten(0, (n, t))
        if self.palette is None:
            return x.tanh()
        # [n, 1, c, colours] times [n, t, colours, pixels].
        colours = self.palette(known).tanh().view(n, 1, x.shape[2], -1).transpose(2, 3)
        return (colours @ x.softmax(2).flatten(3)).unflatten(3, x.shape[3:])

    def normed(self, x, modulation, condition):
        x = F.group_norm(x, x.shape[1] // self.group, eps=EPSILON)
        scale, shift = modulation(condition)[:, :, None, None].chunk(2, 1)
        return F.leaky_relu_(torch.addcmul(shift, x, scale), SLOPE)


class Matcher(nn.Module):
    def __init__(self, config, weights, formats):
        super().__init__()
        clip, sizes = config["clip"], config["matcher"]
        self.layout = torch.channels_last if formats["matcher"] else torch.contiguous_format
        layers = [weights.below(f"layers.{i}") for i in range(len(sizes["channels"]))]
        stride = (1, 2, 2)
        self.convs = nn.ModuleList(layer.below("0").conv(self.layout, stride) for layer in layers)
        self.norms = nn.ModuleList()
        for layer in layers:
            scale, shift = [layer.take(f"1.{name}")[0] for name in ("scale", "shift")]
            norm = nn.GroupNorm(len(scale) // GROUP, len(scale), EPSILON)
            norm.weight.data.copy_(scale)
            norm.bias.data.copy_(shift)
            self.norms.append(norm)
        size = halved(clip, len(layers))
        self.frame = flat(weights.below("frame").linear(), size, sizes["channels"][-1])
        self.gru = gru(weights.below("ahead"), weights.below("back"))
        self.join = weights.below("join").linear()
        self.sharpness = nn.Parameter(weights.take("sharpness").clone())

    def see(self, clips):
        """Features of every second frame of [n, c, t, h, w]: [n, t, features]."""
        x = clips[:, :, ::2].transpose(1, 2)
        n, t = x.shape[:2]
        x = x.flatten(0, 1).contiguous(memory_format=self.layout)
        for conv, norm in zip(self.convs, self.norms):
            x = F.leaky_relu(norm(conv(x)), SLOPE)
        return F.leaky_relu(self.frame(x.flatten(1)), SLOPE).unflatten(0, (n, t))

    def logits(self, seen, sentences):
        """Matcher logits [n, m] from the features of n clips and from m sentences."""
        states, _ = self.gru(seen)
        clips = self.join(torch.cat([seen.mean(1), states.mean(1)], 1))
        return unit(clips) @ unit(sentences).t() * (self.sharpness.sigmoid() * SHARPEST)


def unit(x):
    return x * (x.square().sum(1, keepdim=True) + 1e-8).rsqrt()


def halved(clip, times):
    """[h, w] of a frame after some halving 4×4 convolutions."""
    size = [clip["height"], clip["width"]]
    for _ in range(times):
        size = [(side - 2) // 2 + 1 for side in size]
    return size


class Discriminator(nn.Module):
    def __init__(self, size, kernel, weights, channels_last):
        """`size` is [t, h, w] of the films, `kernel` [kt, kh, kw]."""
        super().__init__()
        last = torch.channels_last if kernel[0] == 1 else torch.channels_last_3d
        self.layout = last if channels_last else torch.contiguous_format
        self.convs = nn.ModuleList()
        padding = ((kernel[0] - 1) // 2, 1, 1)
        while f"{weights.path}convs.{len(self.convs)}.weight" in weights.tensors:
            stride = (2 if len(self.convs) and size[0] > 1 else 1, 2, 2)
            below = weights.below(f"convs.{len(self.convs)}")
            self.convs.append(below.conv(self.layout, stride, padding))
            size = [(s + 2 * p - k) // d + 1 for s, p, k, d in zip(size, padding, kernel, stride)]
        channels = self.convs[-1].out_channels
        self.features = flat(weights.below("features").linear(), size, channels)
        self.realness = weights.below("realness").linear()
        self.projection = weights.below("projection").linear()

    def see(self, x):
        x = x.contiguous(memory_format=self.layout)
        for conv in self.convs:
            x = F.leaky_relu(conv(x), SLOPE)
        return F.leaky_relu(self.features(x.flatten(1)), SLOPE)

    def judge(self, features, sentence):
        matching = (features * self.projection(sentence)).sum(1)
        return self.realness(features)[:, 0] + matching


def pick(clips, which):
    """The frames `which` of [n, c, t, h, w] as a batch: the first of all clips, then the second of all."""
    return clips[:, :, which].permute(2, 0, 1, 3, 4).flatten(0, 1)


class Critic(nn.Module):
    def __init__(self, config, weights, formats):
        super().__init__()
        clip = config["clip"]
        size = [clip["frames"], clip["height"], clip["width"]]
        below = weights.below("clips")
        self.clips = Discriminator(size, (3, 4, 4), below, formats["clips"])
        below = weights.below("frames")
        self.frames = Discriminator([1] + size[1:], (1, 4, 4), below, formats["frames"])

    def judge(self, real, fake, own, wrong, which):
        """Logits of (real, fake, wrong) clips and of their frames."""
        n = len(real)
        both = torch.cat([real, fake])
        logits = []
        for judge, shown, times in [
            (self.clips, both, 1),
            (self.frames, pick(both, which), len(which)),
        ]:
            features = judge.see(shown).unflatten(0, (times, 2, n))
            real_seen, fake_seen = features[:, 0].flatten(0, 1), features[:, 1].flatten(0, 1)
            under = own.repeat(times, 1)
            # For each false caption of a clip, all frames.
            k = len(wrong) // n
            against = wrong.view(k, 1, n, -1).expand(k, times, n, -1).flatten(0, 2)
            logits.append((
                judge.judge(real_seen, under),
                judge.judge(fake_seen, under),
                judge.judge(real_seen.repeat(k, 1), against),
            ))
        return logits

    def under(self, clips, sentence, which):
        frames = self.frames.see(pick(clips, which))
        return (
            self.clips.judge(self.clips.see(clips), sentence),
            self.frames.judge(frames, sentence.repeat(len(which), 1)),
        )

    def penalty(self, real, sentence, which):
        """The penalty R1 of both discriminators."""
        real = real.detach().requires_grad_()
        clips, frames = self.under(real, sentence.detach(), which)
        total = clips.sum() + frames.sum() / len(which)
        (slope,) = torch.autograd.grad(total, real, create_graph=True)
        return slope.square().sum() / len(real)


def gradient_norm(parameters):
    return torch.stack(torch._foreach_norm([p.grad for p in parameters])).norm()


class Twin:
    """The networks and optimisers of a training, and its step in the phase of playing."""

    def __init__(self, config, tensors, formats):
        if config["train"]["loss"] != "non-saturating" or config["train"]["clip_gradient"] != 0:
            raise ValueError("the twin has only the non-saturating loss without gradient clipping")
        self.config, train = config, config["train"]
        net, weights = Weights(tensors, "net."), Weights(tensors)
        # Reader and matcher are already trained.
        self.encoder = Encoder(config, net.below("encoder")).requires_grad_(False)
        self.matcher = Matcher(config, net.below("matcher"), formats).requires_grad_(False)
        self.generator = Generator(config, net.below("generator"), formats)
        self.critic = Critic(config, weights.below("critic"), formats)
        self.of_generator = list(self.generator.parameters())
        self.of_critic = list(self.critic.parameters())
        self.average = Generator(config, net.below("generator"), formats)
        self.of_average = list(self.average.parameters())
        self.judge, self.under, self.see = self.critic.judge, self.critic.under, self.matcher.see

        def adam(parameters, rate):
            betas = (train["beta1"], train["beta2"])
            return torch.optim.Adam(parameters, rate, betas, 1e-8, fused=True)

        self.adam_player = adam(self.of_generator, train["rate_generator"])
        self.adam_critic = adam(self.of_critic, train["rate_discriminator"])
        self.steps = 0
        # The metrics of the steps since the last line of the log.
        self.measured = []
        # [n, t, h, w, c] to [n, c, t, h, w], once: a data loader would return this layout.
        self.real = tensors["input.real"].permute(0, 4, 1, 2, 3)
        layout = self.critic.clips.layout
        self.real = self.real.contiguous(memory_format=layout)
        rows = [tensors[f"input.{kind}"] for kind in ("rows", "tags", "entities")]
        # Packing needs the lengths on the host.
        lengths = tensors["input.mask"].sum(1).long().cpu()
        vectors = tensors.get("input.vectors", torch.zeros(*rows[0].shape, 0))
        self.captions = torch.stack(rows, 2).long(), vectors, lengths

    def compile(self, critic):
        """Compiles the generators at their first call, and with `critic` also the discriminators and the
        convolutions of the matcher.

        GRUs stay eager, because PyTorch breaks its graphs there, and so does `penalty`, because compiled
        code cannot be differentiated twice.
        """
        self.generator.compile(dynamic=False)
        self.average.compile(dynamic=False)
        if critic:
            self.judge = torch.compile(self.critic.judge, dynamic=False)
            self.under = torch.compile(self.critic.under, dynamic=False)
            self.see = torch.compile(self.matcher.see, dynamic=False)

    def step(self, r1, which, noise=None):
        """A step; returns the losses and the gradient norms under the names of kinora's log."""
        train, copying, n = self.config["train"], self.config["copying"], len(self.real)
        film, frames = noise or self.noise(n)
        with torch.no_grad():
            words, bias, sentences = self.encoder(*self.captions)
        sentence, wrong = sentences[:n], sentences[n:]

        # The first half of the films are copies of real clips. The clips have no twins, so there are no
        # codes.
        copied = (n + 1) // 2
        fake = self.generator(words[:n], bias[:n], sentence, film, frames).transpose(1, 2)
        difference = fake[:copied] - self.real[:copied]
        loss_copy = difference.abs().mean()

        clips, judged = self.judge(self.real, fake.detach(), sentence, wrong, which)
        loss_critic = objective = sum(
            F.softplus(-real).mean() + (F.softplus(fake).mean() + F.softplus(wrong).mean()) * 0.5
            for real, fake, wrong in (clips, judged)
        )
        if r1:
            weight = 0.5 * train["r1"] * train["r1_every"]
            objective = objective + weight * self.critic.penalty(self.real, sentence, which)
        self.adam_critic.zero_grad()
        objective.backward()
        norm_critic = gradient_norm(self.of_critic)
        self.adam_critic.step()

        self.critic.requires_grad_(False)
        of_clips, of_frames = self.under(fake, sentence, which)
        loss_game = F.softplus(-of_clips).mean() + F.softplus(-of_frames).mean()
        # The films that are not copies, against their own sentences, then all others.
        captions = torch.cat([sentence[copied:], sentence[:copied], wrong])
        logits = self.matcher.logits(self.see(fake[copied:]), captions)
        loss_match = F.cross_entropy(logits, torch.arange(n - copied))
        loss = loss_copy * copying["weight"] + loss_game
        loss = loss + loss_match * self.config["reading"]["weight"]
        self.adam_player.zero_grad()
        loss.backward()
        self.critic.requires_grad_(True)
        norm_player = gradient_norm(self.of_generator)
        self.adam_player.step()
        rate = min(train["ema"], (self.steps + 1) / (self.steps + 10))
        with torch.no_grad():
            torch._foreach_lerp_(self.of_average, self.of_generator, 1 - rate)
        self.steps += 1
        measured = {
            "loss_copy": loss_copy,
            "loss_discriminator": loss_critic,
            "gradient_discriminator": norm_critic,
            "loss_generator": loss_game,
            "loss_match": loss_match,
            "gradient_generator": norm_player,
        }
        return {name: value.detach() for name, value in measured.items()}

    def train(self, r1, which):
        """A step; as in kinora, its metrics are read when a line of the log is due."""
        self.measured.append(torch.stack(list(self.step(r1, which).values())))
        if len(self.measured) == self.config["train"]["log_every"]:
            if not torch.stack(self.measured).isfinite().all():
                raise ValueError("a loss or a gradient is not finite")
            self.measured = []

    def noise(self, n):
        sizes, t = self.config["generator"], self.config["clip"]["frames"]
        return torch.randn(n, sizes["noise"]), torch.randn(n, t, sizes["frame_noise"])

    @torch.inference_mode()
    def sample(self, captions):
        return self.average(*self.encoder(*captions), *self.noise(len(captions[0])))


@contextlib.contextmanager
def precision(tf32):
    """Sets convolutions on a GPU to 32-bit floats, or to PyTorch's default, TF32."""
    torch.backends.cudnn.allow_tf32 = tf32
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = False


def seconds(run, times):
    start = time.perf_counter()
    for _ in range(times):
        run()
    if torch.get_default_device().type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def fastest(run, options):
    """The option for which the function `run(option)` is fastest, measured after a first call."""
    runs = {option: run(option) for option in options}
    for once in runs.values():
        once()
    best = {option: math.inf for option in options}
    rounds = 0
    # Slow functions get fewer rounds.
    while rounds < 2 or (rounds < 5 and sum(best.values()) < 0.5):
        rounds += 1
        for option, once in runs.items():
            best[option] = min(best[option], seconds(once, 1))
    return min(best, key=best.get)


class Bench:
    def __init__(self):
        self.twins, self.compiled, self.convs = {}, {}, {}

    def hello(self, threads, device="cpu"):
        torch.set_default_device(device)
        torch.backends.cudnn.allow_tf32 = False
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self.before = peak()
        said = {"torch": torch.__version__, "threads": torch.get_num_threads()}
        if device == "cuda":
            said["gpu"] = torch.cuda.get_device_name()
        return said

    def load(self, config, file):
        self.config, self.tensors, self.twins = config, read(file), {}
        if self.compiled:
            # After eight compiled networks, PyTorch would silently run the ninth eagerly.
            torch.compiler.reset()
            self.compiled = {}
        twin = Twin(config, self.tensors, formats())

        def ours(kind):
            # The sketch is trained in copying alone.
            names = [name for name in self.tensors if name.startswith(kind) and ".sketch." not in name]
            return sum(self.tensors[name].numel() for name in names)

        def theirs(parameters):
            return sum(x.numel() for x in parameters)

        fixed = [*twin.encoder.parameters(), *twin.matcher.parameters()]
        return {
            "net": [ours("net."), theirs(twin.of_generator + fixed)],
            "critic": [ours("critic."), theirs(twin.of_critic)],
        }

    def check(self):
        """For each output of kinora: the largest difference in any memory format, and its largest value."""
        errors = {}

        def compare(name, theirs):
            ours = self.tensors[f"output.{name}"]
            error = (theirs.detach() - ours).abs().max().item()
            worst = errors.setdefault(name, [0.0, ours.abs().max().item()])
            worst[0] = max(worst[0], error)

        for chosen in [formats(), formats(True, True, True, True, True)]:
            twin = Twin(self.config, self.tensors, chosen)
            n = len(twin.real)
            own = [x[:n] for x in twin.captions]
            for number in ["1", "2"]:
                noise = [self.tensors[f"input.{name}.{number}"] for name in ("film", "frames")]
                which = self.tensors[f"input.which.{number}"].long().tolist()
                if number == "1":
                    with torch.no_grad():
                        words, bias, sentence = twin.encoder(*own)
                        films = twin.generator(words, bias, sentence, *noise)
                        compare("films", films.permute(0, 1, 3, 4, 2))
                        clips, frames = twin.critic.under(twin.real, sentence, which)
                        compare("logits_clips", clips)
                        compare("logits_frames", frames)
                # The second step has R1.
                measured = twin.step(number == "2", which, noise)
                for name, value in measured.items():
                    compare(f"{name}.{number}", value)
        # [n, 1, h, w, c] to [n, c, h, w], and [1, kh, kw, ci, co] to [co, ci, kh, kw].
        for layout in [torch.contiguous_format, torch.channels_last]:
            given = lambda name: self.tensors[f"input.enlarged.{name}"]
            x, g = [given(name)[:, 0].permute(0, 3, 1, 2) for name in "xg"]
            operands = [x, given("k")[0].permute(3, 2, 0, 1), g]
            x, k, g = [tensor.contiguous(memory_format=layout) for tensor in operands]
            for part in ["forward", "input", "weight"]:
                y = conv(part, x, k, [1, 1], [1, 1], True, g)()
                y = y.permute(2, 3, 1, 0)[None] if part == "weight" else y.permute(0, 2, 3, 1)[:, None]
                compare(f"enlarged.{part}", y)
        return {"errors": errors}

    def twin(self, kind, make):
        """A twin in the memory formats in which `make(twin)` runs fastest."""
        if kind not in self.twins:
            chosen = formats()
            for key in list(chosen):
                if kind != "step" and key in ("clips", "frames", "matcher"):
                    continue

                def run(option):
                    return make(Twin(self.config, self.tensors, {**chosen, key: option}))

                chosen[key] = fastest(run, [False, True])
            self.twins[kind] = make(Twin(self.config, self.tensors, chosen)), chosen
        return self.twins[kind]

    def compile(self, kind, make, chosen):
        """The function `make(twin)` of a compiled twin, and a description of its compiled parts."""

        def run(critic):
            twin = Twin(self.config, self.tensors, chosen)
            twin.compile(critic)
            return make(twin)

        # Compiling the discriminators does not always make them faster.
        critic = kind == "step" and fastest(run, [False, True])
        once = run(critic)
        once()
        return once, "all compiled" if critic else "generator compiled"

    def time(self, kind, make, networks, times, compiled, tf32, *args):
        run, chosen = self.twin(kind, make)
        way = named(chosen, networks)
        if compiled:
            if kind not in self.compiled:
                try:
                    self.compiled[kind] = self.compile(kind, make, chosen)
                except Exception as error:
                    self.compiled[kind] = None, brief(error)
            run, what = self.compiled[kind]
            if run is None:
                return {"skipped": what}
            way = f"{way}, {what}"
        with precision(tf32):
            return {"seconds": seconds(lambda: run(*args), times), "formats": way}

    def step(self, r1, times, compiled=False, tf32=False):
        which = list(range(min(FRAMES_JUDGED, self.config["clip"]["frames"])))
        # The same twin for both kinds of steps.
        make = lambda twin: lambda r1=False: twin.train(r1, which)
        return self.time("step", make, NETWORKS, times, compiled, tf32, r1)

    def sample(self, films, times, compiled=False, tf32=False):
        def make(twin):
            several = math.ceil(films / len(twin.captions[0]))
            captions = [torch.cat([x] * several)[:films] for x in twin.captions]
            return lambda: twin.sample(captions).cpu()

        return self.time(f"sample {films}", make, NETWORKS[:1], times, compiled, tf32)

    def memory(self, last):
        """The peak memory of steps without and with R1, all channels-last or all contiguous."""
        which = list(range(min(FRAMES_JUDGED, self.config["clip"]["frames"])))
        twin = Twin(self.config, self.tensors, formats(last, last, last, last, last))
        for r1 in [False, True, False, True]:
            twin.step(r1, which)
        return {"peak": peak(), "before": self.before}

    @torch.inference_mode()
    def conv(self, part, x, kernel, stride, padding, times, enlarged=False, tf32=False):
        key = json.dumps([part, x, kernel, stride, padding, enlarged])
        if key not in self.convs:
            run = lambda last: drawn(part, x, kernel, stride, padding, enlarged, last)
            last = fastest(run, [False, True])
            self.convs[key] = run(last), last
        run, last = self.convs[key]
        chosen = "channels-last" if last else "contiguous"
        with precision(tf32):
            return {"seconds": seconds(run, times), "formats": chosen}

    @torch.inference_mode()
    def matmul(self, side, times, tf32=False):
        a, b = torch.randn(side, side), torch.randn(side, side)
        with precision(tf32):
            return {"seconds": seconds(lambda: a @ b, times)}


def peak():
    """The peak memory of this process in bytes; None if the system does not report it."""
    try:
        with open("/proc/self/status") as status:
            lines = [line.split() for line in status if line.startswith("VmHWM:")]
        return int(lines[0][1]) * 1024
    except (OSError, IndexError):
        return None


def conv(part, x, k, stride, padding, enlarged=False, g=None):
    """A function that computes a convolution of [n, ci, (t,) h, w] with [co, ci, (kt,) kh, kw], or one of
    its gradients.

    With `enlarged`, the picture is upsampled by two first, and a bias is added; the gradient by the
    weights reuses the upsampled picture of the forward pass.
    """
    small, bias = x, None
    forward = F.conv2d if x.dim() == 4 else F.conv3d
    if enlarged:
        bias = torch.zeros(len(k))
        enlarge = lambda: F.interpolate(small, scale_factor=2, mode="nearest")
        x = enlarge()
    if part == "forward":
        seen = enlarge if enlarged else lambda: x
        return lambda: forward(seen(), k, bias, stride, padding)
    if g is None:
        g = torch.randn_like(forward(x, k, None, stride, padding))
    ones, zeros = [1] * len(stride), [0] * len(stride)
    mask = [part == "input", part == "weight", False]
    backward = lambda: torch.ops.aten.convolution_backward(
        g, x, k, None, stride, padding, ones, False, zeros, 1, mask
    )
    if part == "weight":
        return lambda: backward()[1]
    if enlarged:
        shrink = torch.ops.aten.upsample_nearest2d_backward
        return lambda: shrink(backward()[0], x.shape[2:], small.shape, 2.0, 2.0)
    return lambda: backward()[0]


def drawn(part, x, kernel, stride, padding, enlarged, channels_last):
    """`conv` for shapes [n, t, h, w, ci] and [kt, kh, kw, ci, co], two-dimensional where possible."""
    n, t, h, w, ci = x
    kt, kh, kw, _, co = kernel
    size, kernel = [t, h, w], [kt, kh, kw]
    flat = kt == 1 and stride[0] == 1 and padding[0] == 0
    if flat:
        n, size, kernel, stride, padding = n * t, size[1:], kernel[1:], stride[1:], padding[1:]
    last = torch.channels_last if flat else torch.channels_last_3d
    layout = last if channels_last else torch.contiguous_format
    x = torch.randn(n, ci, *size).contiguous(memory_format=layout)
    k = torch.randn(co, ci, *kernel).contiguous(memory_format=layout)
    return conv(part, x, k, stride, padding, enlarged)


def formats(generator=False, clips=False, frames=False, matcher=False, joined=False):
    """Whether each network is channels-last, and whether the ConvLSTM has one convolution (`joined`)."""
    chosen = {"generator": generator, "clips": clips, "frames": frames, "matcher": matcher}
    return {**chosen, "joined": joined}


def named(chosen, networks):
    layouts = [f"{key} {'channels-last' if chosen[key] else 'contiguous'}" for key in networks]
    return ", ".join(layouts + [f"{'one convolution' if chosen['joined'] else 'two'} in the ConvLSTM"])


def brief(error):
    """An error in one short line, without PyTorch's advice, which follows an empty line."""
    message = str(error).strip().split("\n\n")[0]
    return textwrap.shorten(f"{type(error).__name__}: {message}", 160)


def main():
    bench = Bench()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = getattr(bench, request.pop("op"))(**request)
        except Exception:
            reply = {"error": traceback.format_exc()}
        print(json.dumps(reply), flush=True)


main()
