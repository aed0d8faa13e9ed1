#!/usr/bin/env python3
"""Writes src/tokens/unicode_gen.inc: the class of every code point that the scanner of src/tokens/scan.c asks for.

    python3 -m venv V && V/bin/pip install unicodedata2==16.0.0
    V/bin/python dev/tokens/unicode_classes.py > src/tokens/unicode_gen.inc

The table is checked in, because it changes once in years: it must be of the version of Unicode that the reference
implementation is built with (tests/e2e/test_tokens.py asks it for every code point, and says so when that has moved on).
"""

import sys

import unicodedata2

UNICODE = "16.0.0"
BLOCK = 128
# The values of enum char_class in src/tokens/scan.h.
OTHER, UPPER, LOWER, LETTER, MARK, NUMBER, SPACE, NEWLINE = range(8)
CLASS_OF = {"Lu": UPPER, "Lt": UPPER, "Ll": LOWER, "Lm": LETTER, "Lo": LETTER, "Mn": MARK, "Mc": MARK, "Me": MARK,
            "Nd": NUMBER, "Nl": NUMBER, "No": NUMBER}
# White_Space of PropList.txt; no code point has been added to it since Unicode 4.
SPACES = {0x09, 0x0B, 0x0C, 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}


def class_of(point):
    if point in (0x0A, 0x0D):
        return NEWLINE
    if point in SPACES:
        return SPACE
    return CLASS_OF.get(unicodedata2.category(chr(point)), OTHER)


def rows(values, columns):
    for at in range(0, len(values), columns):
        yield "    " + ",".join(str(v) for v in values[at:at + columns]) + ","


def main():
    if unicodedata2.unidata_version != UNICODE:
        sys.exit(f"this needs unicodedata2 {UNICODE}, not {unicodedata2.unidata_version}")
    blocks, index = {}, []
    for start in range(0, 0x110000, BLOCK):
        block = tuple(class_of(p) for p in range(start, start + BLOCK))
        index.append(blocks.setdefault(block, len(blocks)))
    # Two classes a byte, the even code point in the lower half.
    packed = [block[i] | block[i + 1] << 4 for block in blocks for i in range(0, BLOCK, 2)]
    assert len(blocks) <= 256
    print(f"/* Made by dev/tokens/unicode_classes.py from Unicode {UNICODE}. Do not edit. */")
    print(f"#define UNICODE_BLOCK {BLOCK}")
    print(f"static const unsigned char unicode_index[{len(index)}] = {{")
    print("\n".join(rows(index, 32)))
    print("};")
    print(f"static const unsigned char unicode_blocks[{len(packed)}] = {{")
    print("\n".join(rows(packed, 32)))
    print("};")
    # One bit for its class; a byte of a longer character has none.
    print("static const unsigned char ascii_bits[256] = {")
    print("\n".join(rows([1 << class_of(p) for p in range(128)], 32)))
    print("};")


if __name__ == "__main__":
    main()
