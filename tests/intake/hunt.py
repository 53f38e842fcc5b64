#!/usr/bin/env python3
"""A hunt: invented reports of every layout go in as JSON, CSV and XLSX and come out of the API cell for cell; the same
with one planted error are refused at the cell.

usage: hunt.py BINARY SEED COUNT    (COUNT reports of each layout, each in three forms)
"""

import json
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from decimal import Decimal
from pathlib import Path

from reports import LAYOUTS, Case, Cell

FORMS = ("json", "csv", "xlsx")
faults = []


def fault(*what):
    faults.append(" ".join(str(part) for part in what))


def run(binary, *words, exits=(0,)):
    ended = subprocess.run([binary, *map(str, words), "--json"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if ended.returncode not in exits:
        sys.exit(f"{words}: exit {ended.returncode}\n{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}")
    return json.loads(ended.stdout)


def free():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % one.getsockname()[1]


def wait_for(url):
    for _ in range(400):
        try:
            return urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.05)
    sys.exit(f"{url} does not answer")


def printed(cell, form):
    """A workbook has numbers, not their spelling: 12.50 is 12.5 there."""
    if form == "xlsx" and cell.raw[0] == "number":
        return format(Decimal(cell.printed).normalize(), "f")
    return cell.printed


def compare(name, form, case, document):
    """What the API says of a report against what was written."""
    for key, want in (("status", "provisional" if case.provisional else "final"), ("year", case.year)):
        if document[key] != want:
            fault(name, key, document[key], "instead of", want)
    if document["agency"]["id"] != f"{case.code}:{case.agency}":
        fault(name, "agency id", document["agency"]["id"])
    if (document.get("narrative") or None) != case.narrative:
        fault(name, "narrative", repr(document.get("narrative")))
    if [table["name"] for table in document["tables"]] != [table.name for table in case.tables]:
        return fault(name, "tables", [table["name"] for table in document["tables"]])
    for there, table in zip(document["tables"], case.tables):
        if there.get("template") != table.layout:
            fault(name, "template", there.get("template"), "instead of", table.layout, table.columns)
        if [column["header"] for column in there["columns"]] != table.columns:
            fault(name, "headers", [column["header"] for column in there["columns"]])
        if [len(row) for row in there["rows"]] != [len(row) for row in table.rows]:
            return fault(name, "shape of", table.name)
        for r, row in enumerate(table.rows):
            for c, cell in enumerate(row):
                got = there["rows"][r][c]
                value = None if cell.value is None else format(cell.value.normalize(), "f")
                want = (printed(cell, form), cell.state, value, cell.unit)
                found = (got["printed"], got["state"], got.get("value"), got.get("unit"))
                if want != found:
                    fault(name, table.name, table.unit, table.columns[c], f"row {r + 1}:", found, "instead of", want)


def hunt_good(binary, rng, count, root):
    node, folder = root / "node", root / "good"
    folder.mkdir()
    cases = {}
    for layout in LAYOUTS:
        for at in range(count):
            for form in FORMS:
                case = Case(rng, len(cases), layout)
                path = folder / f"{len(cases):05}.{form}"
                getattr(case, form)(path)
                cases[str(path)] = (form, case)
    portal, listen, console = free(), free(), free()
    run(binary, "init", "--data", node, "--level", "province", "--code", "440000", "--name", "合成示例", "--listen", listen, "--portal", portal, "--console", console)
    said = run(binary, "publish", folder, "--data", node, exits=(0, 5))
    for refused in said["refused"]:
        must = [f for f in refused["findings"] if f["grade"] == "must_fix"]
        fault(refused["file"], "refused:", *(json.dumps(f, ensure_ascii=False) for f in must[:3]))
    daemon = subprocess.Popen([binary, "serve", "--data", node, "--until-stdin-closes"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(f"http://{portal}/api/v1/node")
        for row in said["published"]:
            form, case = cases[row["file"]]
            with urllib.request.urlopen(f"http://{portal}/api/v1/packages/{row['digest']}", timeout=20) as answer:
                compare(row["file"].rsplit("/", 1)[1], form, case, json.load(answer))
    finally:
        daemon.stdin.close()
        daemon.wait(20)
    return len(cases)


def spoil(rng, case):
    """Plants one error; the code that names it, its place, and what is expected and found, if that can be said."""
    table = case.tables[0]
    r = rng.randrange(len(table.rows))
    row = table.rows[r]
    ways = ["fraction", "negative", "two", "mark"] + ["sum"] * 4 * bool(table.identities)
    way = rng.choice(ways)
    if way == "sum":
        total, parts = table.identities[0]
        known = row[total].value is not None
        plain = (row[total].raw[1] or "").replace(".", "")
        if not known and not (plain.isascii() and plain.isdigit()):
            way = "two"
        else:
            digits = format((row[total].value if known else Decimal(row[total].raw[1])).normalize(), "f")
            factor = 10000 if known and "万件" in table.columns[total] + table.unit else 1
            wrong = Decimal(digits) / factor + 1
            row[total] = Cell(("text", format(wrong, "f")), format(wrong, "f"), "value")
            return "identity_sum", r, total, (digits, format((wrong * factor).normalize(), "f"))
    c = rng.choice(table.counts)
    text, code, found = {
        "fraction": ("3.00007", "not_a_count", None),
        "negative": (f"-{rng.randrange(1, 999)}", "not_a_count", None),
        "two": (rng.choice(["12 34", "3/4", "5-6", "7、8", "12;3"]), "not_a_number", None),
        "mark": (rng.choice(["—", "无", "/", "－"]), "zero_or_not_applicable", None),
    }[way]
    row[c] = Cell(("text", text), text, "text")
    return code, r, c, found


def hunt_bad(binary, rng, count, root):
    folder = root / "bad"
    folder.mkdir()
    wanted = {}
    for layout in LAYOUTS:
        for at in range(count):
            for form in FORMS:
                case = Case(rng, len(wanted), layout)
                code, r, c, figures = spoil(rng, case)
                path = folder / f"{len(wanted):05}.{form}"
                sheet, cell = getattr(case, form)(path)[(0, r, c)]
                table = case.tables[0]
                wanted[str(path)] = (code, table.name, table.columns[c], r + 1, sheet, cell, figures)
    said = run(binary, "check", folder, "--data", root / "nowhere", exits=(5,))
    refused = {row["file"]: row["findings"] for row in said["refused"]}
    for file, (code, table, column, row, sheet, cell, figures) in wanted.items():
        must = [f for f in refused.get(file, []) if f["grade"] == "must_fix"]
        want = {"code": code, "table": table, "column": column, "row": row, "cell": cell}
        want |= {"sheet": sheet} if sheet else {}
        want |= {"expected": figures[0], "found": figures[1]} if figures else {}
        if not any(all(f.get(key) == value for key, value in want.items()) for f in must):
            fault(file.rsplit("/", 1)[1], "no finding", want, "among", json.dumps(must[:4], ensure_ascii=False))
    return len(wanted)


def main():
    binary, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as root:
        good = hunt_good(binary, rng, count, Path(root))
        bad = hunt_bad(binary, rng, count, Path(root))
    for line in faults[:40]:
        print(line)
    print(f"seed {seed}: {good} reports in, cell for cell out; {bad} with one error refused at the cell; {len(faults)} faults")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
