"""gensim's word2vec beside kinora's, on the same text, dimension, window, epochs and threads.

    pip install gensim
    python benches/peers/vectors.py KINORA TEXT WORD-SIMILARITY [--seeds 5] [--threads 2]

KINORA is the program, TEXT a file with one sentence per line, WORD-SIMILARITY a folder with
EN-WS-353-ALL.txt, EN-MEN-TR-3k.txt and EN-SIMLEX-999.txt. Prints, for each method, words per second and
Spearman's rho with its deviation over the seeds. `kinora embed score` computes rho for both, on the same
files. Both split the text at white space.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import gensim
from gensim.models.word2vec import LineSentence, Word2Vec

FILES = ["EN-WS-353-ALL.txt", "EN-MEN-TR-3k.txt", "EN-SIMLEX-999.txt"]
DIM, WINDOW, NEGATIVE, EPOCHS, LEAST = 100, 5, 5, 5, 5


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kinora")
    parser.add_argument("text")
    parser.add_argument("similarity", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    words = EPOCHS * sum(len(line.split()) for line in open(args.text, encoding="utf-8"))
    print(f"gensim {gensim.__version__}, {args.threads} threads, {words // EPOCHS} words, {EPOCHS} epochs")
    for cbow in [False, True]:
        method = "cbow" if cbow else "skip-gram"
        both = {"kinora": ours, "gensim": theirs}
        seconds = {who: [] for who in both}
        scores = {who: {name: [] for name in FILES} for who in both}
        # In turn, because the load of the machine can change.
        for seed in range(args.seeds):
            for who, train in both.items():
                with tempfile.TemporaryDirectory() as folder:
                    out = pathlib.Path(folder) / "vectors.bin"
                    start = time.perf_counter()
                    train(args, cbow, seed, out)
                    seconds[who].append(time.perf_counter() - start)
                    for name in FILES:
                        scores[who][name].append(score(args, name, out))
        for who in both:
            speed = words / statistics.median(seconds[who])
            line = f"{method:<10} {who}: {speed:>9.0f} words/s"
            for name, rows in scores[who].items():
                rho = [row["spearman"] for row in rows]
                line += f"  {name[3:-4]} {statistics.mean(rho):.4f} ± {statistics.pstdev(rho):.4f} of {rows[0]['covered']}"
            print(line, flush=True)
        ratios = [b / a for a, b in zip(seconds["kinora"], seconds["gensim"])]
        print(f"{method:<10} kinora is {statistics.median(ratios):.2f} times as fast", flush=True)


def ours(args, cbow, seed, out):
    command = [args.kinora, "embed", "train", "--method", "cbow" if cbow else "word2vec"]
    command += ["--corpus", args.text, "--dim", DIM, "--window", WINDOW, "--negative", NEGATIVE]
    command += ["--epochs", EPOCHS, "--min-count", LEAST, "--threads", args.threads, "--seed", seed]
    subprocess.run([str(part) for part in command + ["--out", out]], check=True, capture_output=True)


def theirs(args, cbow, seed, out):
    model = Word2Vec(
        LineSentence(args.text), vector_size=DIM, window=WINDOW, negative=NEGATIVE, epochs=EPOCHS,
        min_count=LEAST, workers=args.threads, seed=seed, sg=int(not cbow), sample=1e-3, alpha=0.025,
    )
    model.wv.save_word2vec_format(out, binary=True)


def score(args, name, vectors):
    command = [args.kinora, "embed", "score", args.similarity / name, "--vectors", vectors, "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


main()
