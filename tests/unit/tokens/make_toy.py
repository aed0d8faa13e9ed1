#!/usr/bin/env python3
"""Trains the small vocabulary of the tests: tests/unit/tokens/make_toy.py > tests/unit/tokens/toy.tiktoken

Byte pair encoding on invented text with long runs, so that its tokens overlap in as many ways as those of a real one.
"""

import base64
import collections
import random

R = random.Random(4)
WORDS = """the of and to in is that for it as was with be by on not he his but at are this have from or had an they which one you
were all her she there would their we him been has when who will no more if out so up said what its about than into them can only
other time new some could these two may first then do any like my now over such our man me even most made after also did many
count token counter counted counting tokens tokenise tokeniser understand understanding""".split()
HAN = ["你好", "世界", "今天", "天气", "很好", "中文", "你", "好", "天", "中"]
RUNS = "a-=* #ab"


def text():
    kind = R.random()
    if kind < 0.6:
        return " " + R.choice(WORDS)
    if kind < 0.7:
        return R.choice(WORDS).upper()
    if kind < 0.8:
        return "".join(R.choice(HAN) for _ in range(R.randrange(1, 5)))
    if kind < 0.95:
        return R.choice(RUNS) * R.choice([1, 2, 3, 4, 6, 8, 12, 16, 24, 32])
    return "".join(R.choice("abAB") for _ in range(R.randrange(1, 30)))


def main():
    pieces = collections.Counter(text().encode() for _ in range(20000))
    rows = {p: [bytes([c]) for c in p] for p in pieces}
    tokens = [bytes([c]) for c in range(256)]
    while len(tokens) < 900:
        pairs = collections.Counter()
        for p, row in rows.items():
            for pair in zip(row, row[1:]):
                pairs[pair] += pieces[p]
        (left, right), n = max(pairs.items(), key=lambda x: (x[1], x[0]))
        if n < 2:
            break
        if left + right not in tokens:
            tokens.append(left + right)
        for p, row in rows.items():
            at, new = 0, []
            while at < len(row):
                both = row[at:at + 2] == [left, right]
                new.append(left + right if both else row[at])
                at += 2 if both else 1
            rows[p] = new
    for rank, token in enumerate(tokens):
        print(base64.b64encode(token).decode(), rank)


if __name__ == "__main__":
    main()
