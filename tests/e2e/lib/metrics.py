"""A strict reader of the Prometheus text format: what a scraper may refuse, this refuses."""

import math
import re

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)\Z")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|\Z)')
KINDS = {"counter", "gauge", "histogram", "summary", "untyped"}


class Page:
    def __init__(self):
        self.types, self.helps, self.samples = {}, {}, {}

    def sum(self, name, labels=None):
        want = (labels or {}).items()
        return sum(v for (n, ls), v in self.samples.items() if n == name and set(want) <= set(ls))

    def get(self, name, **labels):
        return self.samples.get((name, tuple(sorted(labels.items()))))

    def labelled(self, name):
        return {ls: v for (n, ls), v in self.samples.items() if n == name}


def family(page, name):
    for suffix in ("_bucket", "_sum", "_count"):
        base = name[:-len(suffix)] if name.endswith(suffix) else None
        if base and page.types.get(base) in ("histogram", "summary"):
            return base
    return name


def read_labels(text):
    labels, at = {}, 0
    while at < len(text):
        m = LABEL.match(text, at)
        assert m, f"bad labels: {text!r}"
        assert m[1] not in labels, f"label twice: {text!r}"
        labels[m[1]] = m[2]
        at = m.end()
        assert not (m[3] == "," and at == len(text)) or True
    return tuple(sorted(labels.items()))


def read_value(text):
    assert re.match(r"[+-]?(\d+(\.\d*)?([eE][+-]?\d+)?|\.\d+|Inf|NaN)\Z", text), f"bad value {text!r}"
    return float(text.replace("Inf", "inf"))


def parse(text):
    assert text.endswith("\n"), "the last line must end"
    assert "\r" not in text
    page, seen, current = Page(), set(), None
    for line in text[:-1].split("\n"):
        assert line, "an empty line"
        if line.startswith("# "):
            kind, name, rest = (line[2:].split(" ", 2) + [""])[:3]
            if kind == "HELP":
                assert name not in page.helps, f"HELP twice: {name}"
                page.helps[name] = rest
            elif kind == "TYPE":
                assert name not in page.types, f"TYPE twice: {name}"
                assert rest in KINDS, line
                page.types[name] = rest
            else:
                raise AssertionError(f"unexpected comment: {line}")
            assert NAME.match(name), line
            continue
        m = SAMPLE.match(line)
        assert m, f"bad sample: {line!r}"
        base = family(page, m["name"])
        assert base in page.types and base in page.helps, f"sample without HELP and TYPE: {line}"
        if base != current:
            assert base not in seen, f"family {base} is not in one piece"
            seen.add(base)
            current = base
        key = (m["name"], read_labels(m["labels"] or ""))
        assert key not in page.samples, f"sample twice: {line}"
        value = read_value(m["value"])
        if page.types[base] == "counter":
            assert m["name"].endswith("_total"), f"counter without _total: {line}"
            assert value >= 0 and math.isfinite(value), line
        page.samples[key] = value
    check_histograms(page)
    return page


def check_histograms(page):
    for base, kind in page.types.items():
        if kind != "histogram":
            continue
        rows = {}
        for (name, labels), value in page.samples.items():
            if name == base + "_bucket":
                rest = tuple(l for l in labels if l[0] != "le")
                rows.setdefault(rest, []).append((read_value(dict(labels)["le"]), value))
        for rest, buckets in rows.items():
            values = [v for _, v in sorted(buckets)]
            assert values == sorted(values), f"{base}{rest}: buckets fall"
            assert math.isinf(max(le for le, _ in buckets)), f"{base}{rest}: no +Inf"
            count = page.samples.get((base + "_count", rest))
            assert count == values[-1], f"{base}{rest}: count {count} is not +Inf {values[-1]}"
            assert (base + "_sum", rest) in page.samples, f"{base}{rest}: no sum"
