"""Stanford's GloVe beside kinora's, on the same text, dimension, window, epochs, weights and threads.

    pip download --no-deps --no-build-isolation --no-binary :all: crucyble && tar xzf crucyble-*.tar.gz
    python benches/peers/glove.py KINORA TEXT WORD-SIMILARITY crucyble-*/src/lib/glove [--seeds 5]

The package has Stanford's C code with functions in place of main; this script compiles it to libraries
with cc. KINORA, TEXT, WORD-SIMILARITY and the output are as in vectors.py. The time is that of all four
programs: counting words, counting pairs, shuffling, and training.
"""

import argparse
import ctypes
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import traceback
import time

FILES = ["EN-WS-353-ALL.txt", "EN-MEN-TR-3k.txt", "EN-SIMLEX-999.txt"]
DIM, WINDOW, EPOCHS, LEAST, MOST = 100, 10, 25, 5, 100.0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kinora")
    parser.add_argument("text")
    parser.add_argument("similarity", type=pathlib.Path)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as libraries:
        args.libraries = libraries
        for name in ["vocab_count", "cooccur", "shuffle", "glove"]:
            command = ["cc", "-O3", "-march=native", "-funroll-loops", "-w", "-shared", "-fPIC", f"-I{args.source}"]
            command += [args.source / f"{name}.c", "-o", f"{libraries}/{name}.so", "-lm", "-lpthread"]
            subprocess.run(command, check=True)
        both = {"kinora": ours, "Stanford": theirs}
        seconds = {who: [] for who in both}
        scores = {who: {name: [] for name in FILES} for who in both}
        # In turn, because the load of the machine can change.
        for seed in range(args.seeds):
            for who, train in both.items():
                with tempfile.TemporaryDirectory() as folder:
                    out = pathlib.Path(folder) / "glove.vectors.txt"
                    start = time.perf_counter()
                    train(args, seed, out)
                    seconds[who].append(time.perf_counter() - start)
                    for name in FILES:
                        scores[who][name].append(score(args, name, out))
    for who in both:
        line = f"{who:<9} {statistics.median(seconds[who]):.1f} s"
        for name, rows in scores[who].items():
            rho = [row["spearman"] for row in rows]
            line += f"  {name[3:-4]} {statistics.mean(rho):.4f} ± {statistics.pstdev(rho):.4f} of {rows[0]['covered']}"
        print(line)
    ratios = [b / a for a, b in zip(seconds["kinora"], seconds["Stanford"])]
    print(f"kinora is {statistics.median(ratios):.2f} times as fast")


def ours(args, seed, out):
    command = [args.kinora, "embed", "train", "--method", "glove", "--corpus", args.text, "--dim", DIM]
    command += ["--window", WINDOW, "--epochs", EPOCHS, "--min-count", LEAST, "--seed", seed]
    command += ["--threads", args.threads, "--out", out]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


def theirs(args, seed, out):
    # A process each, because the library has global state.
    child = os.fork()
    if child == 0:
        try:
            stanford(args, seed, out)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError("Stanford's GloVe failed")


def stanford(args, seed, out):
    ctypes.CDLL(None).srand(seed + 1)
    library = lambda name: ctypes.CDLL(f"{args.libraries}/{name}.so")
    path = lambda name: str(out.with_name(name)).encode()
    real, long, memory = ctypes.c_double, ctypes.c_longlong, ctypes.c_float(1.0)
    text = args.text.encode()
    assert not library("vocab_count").vocab_count(text, path("vocab"), 0, long(0), long(LEAST), path("log"))
    assert not library("cooccur").cooccur(
        text, path("vocab"), path("pairs"), 0, 1, WINDOW, path("overflow"), memory, path("log")
    )
    assert not library("shuffle").shuffle(path("pairs"), path("shuffled"), path("temporary"), 0, memory)
    glove = library("glove")
    for name, value in [("vector_size", DIM), ("num_iter", EPOCHS), ("num_threads", args.threads), ("use_binary", 0)]:
        ctypes.c_int.in_dll(glove, name).value = value
    real.in_dll(glove, "x_max").value = MOST
    assert not glove.train(path("shuffled"), path("vocab"), path("vectors"), path("gradsq"), 0)
    # Not the vector for unknown words, which is not a word of the text.
    with open(path("vectors.txt")) as file, open(out, "w") as to:
        to.writelines(line for line in file if not line.startswith("<unk> "))


def score(args, name, vectors):
    command = [args.kinora, "embed", "score", args.similarity / name, "--vectors", vectors, "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


main()
