#!/usr/bin/env python3
"""Blank workbooks as a clerk fills them in, and workbooks that a clerk lays out freely.

usage: blank.py fill BLANK OUT LAST_YEAR   fills a blank workbook; checks what a clerk sees in it on the way; LAST_YEAR is
                                           a JSON object {title: {header: figure}} that must stand beside the cells
       blank.py free SEED OUT              a workbook laid out freely
       blank.py soffice FILE OUT           opened, computed and saved by LibreOffice as OUT
       blank.py shown FILE                 by sheet and cell: the value, and what the cell says when it is selected
       blank.py computed FILE              the value of every formula as the program that saved it computed it
Each prints a JSON document of what was written.
"""

import json
import random
import sys
import tempfile
from pathlib import Path

from openpyxl import load_workbook

from marks import libreoffice
from reports import LAYOUTS, Case, table_of

HEADER, DATA = 3, 4


def fill(blank, out, last_year):
    book = load_workbook(blank)
    assert book["_gongshi"].sheet_state == "veryHidden"
    rng, tables = random.Random(5), []
    for sheet in book.worksheets:
        assert sheet.protection.sheet or sheet.sheet_state == "veryHidden", sheet.title
        if sheet.title in ("单位信息", "总体情况", "_gongshi"):
            continue
        assert sheet.freeze_panes and sheet.print_title_rows, sheet.title
        prompts = {}
        for rule in sheet.data_validations.dataValidation:
            for cells in rule.sqref.ranges:
                for column in range(cells.min_col, cells.max_col + 1):
                    assert rule.showInputMessage and rule.showErrorMessage and rule.type == "custom", rule
                    prompts[column] = rule.prompt
        row, last = {}, last_year.get(sheet.title, {})
        headers = [cell.value for cell in sheet[HEADER]]
        total = next((h for h in headers if h.startswith("合计")), None)
        for column, header in enumerate(headers, 1):
            head, cell = sheet.cell(HEADER, column), sheet.cell(DATA, column)
            assert head.protection.locked, "headings are locked"
            prompt = prompts[column]
            assert prompt.startswith("单位："), prompt
            is_formula = isinstance(cell.value, str) and cell.value.startswith("=")
            if is_formula:
                assert cell.protection.locked and "自动计算" in prompt, (header, prompt)
                continue
            assert not cell.protection.locked, header
            if total and sheet.title.startswith("行政处罚") and "金额" not in header:
                assert "只计一次" in prompt, "the counting rule stands at the cell: " + prompt
            if header in last:
                assert f"上年：{last[header]}" in prompt, prompt
                below = [c.value for c in sheet[DATA + 3]]
                assert below[column - 1] == last[header], (below, last)
            figure = rng.randrange(1, 300) / 4 if "金额" in header else rng.randrange(0, 90)
            cell.value = int(figure) if figure == int(figure) else figure
            row[header] = f"{figure:.4f}".rstrip("0").rstrip(".")
        if total:
            row[total] = str(sum(int(value) for header, value in row.items() if "金额" not in header))
        tables.append({"name": sheet.cell(1, 1).value, "rows": [[row[header] for header in headers]]})
    book["总体情况"]["A2"] = "全年依法履职。（合成示例）"
    book.save(out)
    return {"tables": tables}


def free(seed, out):
    rng = random.Random(seed)
    case = Case(rng, 1, LAYOUTS[0])
    case.year, case.agency, case.code = 2022, "附海镇综合行政执法队（合成示例）", "330282108"
    case.tables = [table_of(rng, layout, f"2022年{layout['title']}{at}") for at, layout in enumerate(LAYOUTS)]
    case.xlsx(Path(out))
    printed = lambda cell: f"{float(cell.printed):.8f}".rstrip("0").rstrip(".") if cell.raw[0] == "number" else cell.printed
    return {"tables": [{"name": t.name, "rows": [[printed(cell) for cell in row] for row in t.rows]} for t in case.tables]}


def shown(path):
    found = {}
    for sheet in load_workbook(path).worksheets:
        cells = found.setdefault(sheet.title, {})
        for row in sheet.iter_rows():
            for cell in row:
                if cell.value is not None:
                    cells.setdefault(cell.coordinate, {})["value"] = str(cell.value)
        for rule in sheet.data_validations.dataValidation:
            for cells_of_rule in rule.sqref.ranges:
                for row in sheet[cells_of_rule.coord] if ":" in cells_of_rule.coord else ((sheet[cells_of_rule.coord],),):
                    for cell in row:
                        cells.setdefault(cell.coordinate, {})["says"] = rule.prompt
    return found


def computed(path):
    formulas, values = load_workbook(path), load_workbook(path, data_only=True)
    found = {}
    for sheet in formulas.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                if isinstance(cell.value, str) and cell.value.startswith("="):
                    found[f"{sheet.title}!{cell.coordinate}"] = values[sheet.title][cell.coordinate].value
    return found


def main():
    match sys.argv[1:]:
        case ["fill", blank, out, last_year]:
            said = fill(blank, out, json.loads(last_year))
        case ["free", seed, out]:
            said = free(int(seed), out)
        case ["soffice", file, out]:
            with tempfile.TemporaryDirectory() as folder:
                Path(out).write_bytes(libreoffice(file, Path(folder) / "lo", Path(out).suffix[1:]).read_bytes())
            said = {"file": out}
        case ["shown", file]:
            said = shown(file)
        case ["computed", file]:
            said = computed(file)
        case _:
            sys.exit(__doc__)
    print(json.dumps(said, ensure_ascii=False))


if __name__ == "__main__":
    main()
