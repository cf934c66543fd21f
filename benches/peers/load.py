"""The time to load 400,000 vectors of 300 numbers: gensim, kinora, and kinora's own format.

    pip install gensim
    python benches/peers/load.py KINORA [--words 400000] [--dim 300] [--runs 5]

KINORA is the program. A table of random numbers is written as word2vec's text, and converted to kinora's
own format by `kinora embed convert`. Each run is a process that opens the table and compares two words;
gensim's time excludes the start of its process without a table.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import gensim
import numpy

LOAD = """
import time
from gensim.models import KeyedVectors
start = time.perf_counter()
KeyedVectors.load_word2vec_format({path!r}).similarity("w0", "w1")
print(time.perf_counter() - start)
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kinora")
    parser.add_argument("--words", type=int, default=400_000)
    parser.add_argument("--dim", type=int, default=300)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text, own = (str(pathlib.Path(folder) / name) for name in ["v.txt", "v.safetensors"])
        generate(text, args.words, args.dim)
        subprocess.run([args.kinora, "embed", "convert", text, own], check=True)
        size = pathlib.Path(text).stat().st_size / 1e6
        print(f"gensim {gensim.__version__}, {args.words} x {args.dim}, {size:.0f} MB of text")
        seconds = {"kinora": [], "gensim": [], "own form": []}
        # In turn, because the load of the machine can change.
        for _ in range(args.runs):
            seconds["kinora"].append(ours(args.kinora, text))
            seconds["own form"].append(ours(args.kinora, own))
            script = LOAD.format(path=text)
            done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
            seconds["gensim"].append(float(done.stdout))
            print({who: round(runs[-1], 3) for who, runs in seconds.items()}, flush=True)
        for who, runs in seconds.items():
            print(f"{who}: {statistics.median(runs) * 1e3:.1f} ms")
        ratios = [b / a for a, b in zip(seconds["kinora"], seconds["gensim"])]
        print(f"kinora is {statistics.median(ratios):.1f} times as fast")


def generate(path, words, dim):
    random = numpy.random.default_rng(0)
    with open(path, "w") as file:
        file.write(f"{words} {dim}\n")
        for word in range(words):
            row = random.standard_normal(dim, dtype=numpy.float32)
            file.write(f"w{word} " + " ".join(f"{x:.6f}" for x in row) + "\n")


def ours(kinora, path):
    start = time.perf_counter()
    command = [kinora, "embed", "similar", "w0", "w1", "--vectors", path]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


main()
