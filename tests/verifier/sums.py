#!/usr/bin/env python3
"""Counts the public packages of a node again and compares with its consolidated view.

Usage: sums.py TEMPLATES_DIR PORTAL_URL < {"330282": "330200", ...}   (each division's parent, as JSON on stdin)

Knows the HTTP API and the template files, nothing of the program: every cell of every released own package goes into
SQLite as exact integers, the tree of divisions too, and SQL sums them. Prints how many figures agree; exits 1 at the
first that does not.
"""

import fractions
import json
import pathlib
import sqlite3
import sys
import tomllib
import unicodedata
import urllib.parse
import urllib.request

MICRO = 10**6
TOTALS = {"合计", "总计", "共计"}
WHOLE = {"全" + of for of in ("省", "市", "区", "县", "州", "旗", "镇", "乡", "街道", "系统", "局")}


def get(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def plain(text):
    return "".join(c for c in unicodedata.normalize("NFKC", text) if not c.isspace())


def packages(base):
    after = ""
    while True:
        page = get(f"{base}/api/v1/packages?limit=1000{after}")
        yield from page["packages"]
        if "next" not in page:
            return
        after = "&after=" + urllib.parse.quote(page["next"])


def is_sum(label):
    label = plain(label).rstrip(":")
    return label in TOTALS or label.endswith("小计")


def load(base, db):
    """Cells of own packages that follow a template, without 合计 rows and second tables of one layout."""
    for line in packages(base):
        package = get(f"{base}/api/v1/packages/{line['digest']}")
        if package["scope"] != "own" or line.get("suspect"):
            continue
        seen = set()
        for table in package["tables"]:
            layout = table.get("template")
            if not layout or layout in seen:
                continue
            seen.add(layout)
            labels = [at for at, column in enumerate(table["columns"]) if column["id"][1:].isdigit()]
            rows = [row for row in table["rows"] if not any(is_sum(row[at]["printed"]) for at in labels)]
            for row in rows or table["rows"]:
                for column, cell in zip(table["columns"], row):
                    if cell["state"] != "value" or "value" not in cell:
                        continue
                    value = fractions.Fraction(cell["value"]) * MICRO
                    assert value.denominator == 1, cell
                    where = (package["division"]["code"], package["year"], line["digest"], layout)
                    # SQLite's integers have 64 bits: high and low parts are summed apart.
                    high, low = divmod(int(value), 10**12)
                    db.execute("INSERT INTO cells VALUES (?,?,?,?,?,?,?)", where + (column["id"], high, low))


def summed(db, division, year, scope):
    below = "WITH RECURSIVE inside(code) AS (VALUES (?) UNION SELECT tree.code FROM tree JOIN inside ON above = inside.code) "
    only = "WITH inside(code) AS (VALUES (?)) "
    rows = db.execute(
        (below if scope == "all" else only)
        + "SELECT layout, id, SUM(high), SUM(low), COUNT(DISTINCT digest) FROM cells JOIN inside ON division = code"
        + " WHERE year = ? GROUP BY layout, id",
        (division, year),
    )
    sums = {}
    for layout, column, high, low, count in rows:
        sums.setdefault(layout, {})[column] = (fractions.Fraction(high * 10**12 + low, MICRO), count)
    return sums


def folded(templates, sums, target, column):
    """The column of `target` over all layouts that reach it; none when one of them does not tell it."""
    total, anybody = fractions.Fraction(0), False
    for layout, columns in sums.items():
        template = templates[layout]
        if template["table"] != templates[target]["table"]:
            continue
        if layout == target:
            parts = [column]
        else:
            fold = next((fold["map"] for fold in template.get("folds", []) if fold["to"] == target), None)
            if fold is None:
                continue
            if column not in fold:
                return None
            parts = fold[column]
        for part in parts:
            if part in columns:
                total, anybody = total + columns[part][0], True
    return total if anybody else None


def check(base, db, templates, division, year, scope):
    view = get(f"{base}/api/v1/view/{division}/{year}?scope={scope}")
    sums = summed(db, division, year, scope)
    figures, told = 0, {}
    for table in view["tables"]:
        target = table["template"]
        if not target or "@" in table["id"]:
            continue
        reading = {layout: columns for layout, columns in sums.items() if templates[layout]["table"] == table["id"]}
        for column in table["columns"]:
            want = folded(templates, reading, target, column["id"])
            have = None if column["sum"] is None else fractions.Fraction(column["sum"])
            assert have == want, f"{division} {year} {scope} {table['id']} {column['id']}: {have}, counted {want}"
            told[(target, column["id"])] = have or 0
            figures += 1
        for alone in table["layouts"]:
            for column in alone["columns"]:
                want = sums[alone["template"]].get(column["id"])
                have = None if column["sum"] is None else fractions.Fraction(column["sum"])
                assert (have, column["packages"]) == (want or (None, 0)), f"{division} {year} {scope} {alone['template']} {column['id']}"
                figures += 1
    for rate in view["rates"]:
        template = next(t for t in view["tables"] if t["id"] == rate["table"])["template"]
        rule = next((r for r in templates[template].get("rates", []) if r["id"] == rate["id"]), None)
        if rule is None:
            continue
        above, under = (sum(told[(template, id)] for id in rule[part]) for part in ("numerator", "denominator"))
        assert fractions.Fraction(rate["numerator"]) == above and fractions.Fraction(rate["denominator"]) == under, rate
        assert (rate["value"] is None) == (under == 0), rate
        if under:
            hundredths = (above * 20000 + under) // (2 * under)
            assert rate["value"] == f"{hundredths // 100}.{hundredths % 100:02}%", rate
        figures += 1
    shown = {t["template"] for t in view["tables"]} | {a["template"] for t in view["tables"] for a in t["layouts"]}
    assert set(sums) <= shown, f"{division} {year} {scope}: {set(sums) - shown} not shown"
    return figures


def main():
    folder, base = pathlib.Path(sys.argv[1]), sys.argv[2].rstrip("/")
    templates = {}
    for file in folder.glob("*.toml"):
        template = tomllib.loads(file.read_text(encoding="utf-8"))
        templates[template["id"]] = template
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE cells (division, year, digest, layout, id, high INTEGER, low INTEGER)")
    db.execute("CREATE TABLE tree (code, above)")
    db.executemany("INSERT INTO tree VALUES (?,?)", json.load(sys.stdin).items())
    load(base, db)
    figures = 0
    years = [year for (year,) in db.execute("SELECT DISTINCT year FROM cells")]
    divisions = [code for (code,) in db.execute("SELECT division FROM cells UNION SELECT above FROM tree")]
    for division in divisions:
        for year in years:
            for scope in ("own", "all"):
                figures += check(base, db, templates, division, year, scope)
    (cells,) = db.execute("SELECT COUNT(*) FROM cells").fetchone()
    print(f"{figures} figures of {len(divisions)} divisions agree with {cells} cells")


if __name__ == "__main__":
    main()
