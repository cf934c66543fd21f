"""Accuracy and speed of taggers in PyPI packages (with their models inside) on the words of a treebank.

    pip install textblob HanTa numpy
    python benches/peers/taggers.py en_ewt-ud-train.conllu en_ewt-ud-dev.conllu

Prints the share of right universal parts of speech, and words per second. Other tags are mapped to
universal ones: tags of Penn to their most frequent universal tag in the first file, tags of C5 (British
National Corpus) by the table below.
"""

import collections
import importlib.metadata
import sys
import time

from HanTa import HanoverTagger
from textblob.en import parser

C5 = {
    "AJ": "ADJ", "AT": "DET", "AV": "ADV", "CJC": "CCONJ", "CJ": "SCONJ", "CRD": "NUM",
    "DPS": "PRON", "DTQ": "PRON", "DT": "DET", "EX": "PRON", "ITJ": "INTJ", "NP": "PROPN",
    "NN": "NOUN", "ORD": "ADJ", "PN": "PRON", "POS": "PART", "PR": "ADP", "PU": "PUNCT",
    "TO": "PART", "VB": "AUX", "VD": "AUX", "VH": "AUX", "VM": "AUX", "VV": "VERB", "XX": "PART",
    "ZZ": "NOUN",
}


def read(path):
    """Sentences of words, each with its universal part of speech and its Penn tag."""
    sentences, sentence = [], []
    with open(path, encoding="utf-8") as file:
        for line in file:
            columns = line.rstrip("\n").split("\t")
            if columns[0].isdigit():
                sentence.append((columns[1], columns[3], columns[4]))
            elif not line.strip() and sentence:
                sentences.append(sentence)
                sentence = []
    return sentences + [sentence] if sentence else sentences


def penn(path):
    counts = collections.defaultdict(collections.Counter)
    for sentence in read(path):
        for _, pos, tag in sentence:
            counts[tag][pos] += 1
    return {tag: of.most_common(1)[0][0] for tag, of in counts.items()}


def c5(tag):
    found = [pos for start, pos in C5.items() if tag.startswith(start)]
    return found[0] if found else "X"


def score(package, tag, sentences):
    words = sum(map(len, sentences))
    start, right = time.perf_counter(), 0
    for sentence in sentences:
        found = tag([word for word, _, _ in sentence])
        right += sum(a == b for a, (_, b, _) in zip(found, sentence))
    speed = words / (time.perf_counter() - start)
    version = importlib.metadata.version(package)
    print(f"{package} {version}: {100 * right / words:.2f} % right, {speed:.0f} words a second")


def main():
    train, dev = sys.argv[1:]
    tags, sentences = penn(train), read(dev)
    hanover = HanoverTagger.HanoverTagger("morphmodel_en.pgz")

    def textblob(words):
        return [tags.get(tag, "X") for _, tag, *_ in parser.find_tags(words)]

    def hanta(words):
        return [c5(tag) for _, _, tag in hanover.tag_sent(words)]

    score("textblob", textblob, sentences)
    score("HanTa", hanta, sentences)


main()
