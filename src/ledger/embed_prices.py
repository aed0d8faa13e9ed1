#!/usr/bin/env python3
"""Turns the price catalogue into a C array, so that the binary needs no file at run time.

usage: embed_prices.py IN.json OUT.c

Why generated C and not .incbin or `ld -b binary`: it survives LTO and clang, keeps the CET notes of the final link, and
ninja sees the dependency.
"""
import sys

PLAIN = {ord(c): c for c in map(chr, range(0x20, 0x7F)) if c not in '"\\?'}


def main():
    source, target = sys.argv[1:]
    with open(source, "rb") as f:
        data = f.read()
    lines = []
    for at in range(0, len(data), 100):
        # Octal escapes always have three digits here, so that a digit behind one stays a digit.
        lines.append('"' + "".join(PLAIN.get(b) or "\\%03o" % b for b in data[at:at + 100]) + '"')
    with open(target, "w", encoding="ascii") as f:
        f.write("/* Made by embed_prices.py from data/model-prices.json. Do not edit. */\n")
        f.write('#include "ledger/price_int.h"\n\n')
        f.write("const char price_embedded[] =\n")
        f.write("\n".join(lines) or '""')
        f.write(";\nconst size_t price_embedded_n = %d;\n" % len(data))


if __name__ == "__main__":
    main()
