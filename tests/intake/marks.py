#!/usr/bin/env python3
"""The clerk's own workbook comes back marked: fills and comments at the cells, a list in front, all else as it was.

usage: marks.py BINARY
Also opened and saved by LibreOffice, corrected, checked again, marked again.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from openpyxl import Workbook, load_workbook
from openpyxl.comments import Comment
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.datavalidation import DataValidation

KINDS = "警告 罚款 没收违法所得、没收非法财物 暂扣许可证、执照 责令停产停业 吊销许可证、执照 行政拘留 其他行政处罚 合计（宗） 罚没金额（万元）".split(" ")
LIST = "校验结果"


def check(binary, path, *more, exits=(0, 5)):
    ended = subprocess.run([binary, "check", str(path), "--json", "--data", "/nonexistent", *more], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert ended.returncode in exits, (ended.returncode, ended.stdout, ended.stderr)
    return ended.returncode, json.loads(ended.stdout)


def clerks(path):
    """A workbook as a clerk lays it out, with things of its own."""
    book = Workbook()
    sheet = book.active
    sheet.title = "处罚 & 强制"
    sheet["A1"] = "2023年行政处罚实施情况统计表"
    sheet.merge_cells("A1:J1")
    sheet["A1"].font = Font(name="黑体", size=20, bold=True)
    sheet["A2"], sheet["C2"], sheet["E2"] = "填报单位：慈溪市附海镇人民政府", "区划代码：330282108", "单位：宗"
    for column, kind in enumerate(KINDS, 1):
        sheet.cell(4, column, kind).alignment = Alignment(wrap_text=True)
        sheet.cell(5, column, [3, 4, 0, 0, 0, 0, 0, 1, 9, 2.3][column - 1])
    sheet["E5"] = "—"
    sheet["I5"].font = Font(italic=True, color="FF0000FF")
    sheet["I5"].number_format = "#,##0"
    sheet["A5"].comment = Comment("其中简易程序 2 宗", "张某")
    sheet["E5"].comment = Comment("待核", "张某")
    sheet.column_dimensions["J"].width = 33
    sheet.freeze_panes = "B5"
    sheet.conditional_formatting.add("A5:J5", CellIsRule(operator="greaterThan", formula=["100"], fill=PatternFill("solid", bgColor="FF00FF00")))
    rule = DataValidation(type="whole", operator="greaterThanOrEqual", formula1="0", prompt="填件数", showInputMessage=True)
    sheet.add_data_validation(rule)
    rule.add("A5:I5")
    other = book.create_sheet("台账")
    other["B2"] = "仅供内部"
    other.sheet_state = "hidden"
    book.create_sheet("内部备忘")["A1"] = "张三的电话不公开"
    book.defined_names.clear()
    sheet.print_title_rows = "1:4"
    sheet.print_area = "A1:J9"
    book.active = 0
    book.save(path)


def fill_of(cell):
    return cell.fill.fgColor.rgb if cell.fill.fill_type == "solid" else None


def looks(cell):
    return repr((cell.font, cell.number_format, cell.alignment, cell.border, cell.protection))


def same_but_marks(before, after, marked):
    """Everything of the clerk's is there; only the marked cells look different."""
    assert [name for name in after.sheetnames if name != LIST] == before.sheetnames, after.sheetnames
    for sheet in before.worksheets:
        there = after[sheet.title]
        assert there.sheet_state == sheet.sheet_state and there.freeze_panes == sheet.freeze_panes
        assert sorted(map(str, there.merged_cells.ranges)) == sorted(map(str, sheet.merged_cells.ranges))
        assert there.print_title_rows == sheet.print_title_rows and there.print_area == sheet.print_area
        assert [v.prompt for v in there.data_validations.dataValidation] == [v.prompt for v in sheet.data_validations.dataValidation]
        assert len(there.conditional_formatting) == len(sheet.conditional_formatting)
        for row in sheet.iter_rows():
            for cell in row:
                own = there[cell.coordinate]
                assert own.value == cell.value, (cell.coordinate, own.value, cell.value)
                assert looks(own) == looks(cell), cell.coordinate
                if (sheet.title, cell.coordinate) not in marked:
                    assert repr(own.fill) == repr(cell.fill), cell.coordinate
                    assert (own.comment and own.comment.text) == (cell.comment and cell.comment.text), cell.coordinate
        for letter, width in sheet.column_dimensions.items():
            assert there.column_dimensions[letter].width == width.width


def look_at(original, path, document):
    findings = [f for f in document["refused"][0]["findings"]]
    book = load_workbook(path)
    assert book.sheetnames[0] == LIST
    marked = {(f["sheet"], f["cell"]) for f in findings if f.get("sheet") and f.get("cell")}
    assert marked, findings
    for sheet, cell in marked:
        assert fill_of(book[sheet][cell]) in ("FFFFC7CE", "FFFFEB9C", "FFDDEBF7"), (sheet, cell, fill_of(book[sheet][cell]))
        sentences = [f["message"].split(" / ")[0] for f in findings if (f.get("sheet"), f.get("cell")) == (sheet, cell)]
        assert all(sentence in book[sheet][cell].comment.text for sentence in sentences), (cell, book[sheet][cell].comment)
    rows = list(book[LIST].iter_rows(min_row=3, values_only=True))
    assert len(rows) == len(findings), rows
    grades = ["must_fix", "confirm", "hint"]
    for row, finding in zip(rows, sorted(findings, key=lambda finding: grades.index(finding["grade"]))):
        assert row[1:3] == (finding.get("sheet"), finding.get("cell")), row
        assert row[5:7] == (finding.get("expected"), finding.get("found")), row
        assert row[7] == finding["message"].split(" / ")[0]
    links = [cell.hyperlink.location for row in book[LIST].iter_rows(min_row=3) for cell in row if cell.hyperlink]
    assert len(links) == sum(1 for f in findings if f.get("sheet") and f.get("cell")), links
    same_but_marks(load_workbook(original), book, marked)
    return marked


def libreoffice(path, folder, form="xlsx"):
    """The workbook as LibreOffice reads, computes and saves it."""
    folder.mkdir()
    words = ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", "--convert-to", form, "--outdir", str(folder), str(path)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=150)
    out = folder / f"{Path(path).stem}.{form}"
    assert out.exists(), ended
    return out


def main():
    binary = sys.argv[1]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        original, marked = root / "原表.xlsx", root / "标记.xlsx"
        clerks(original)
        exit_code, document = check(binary, original, "--marked", "-o", str(marked), exits=(5,))
        assert document["marked"] == [str(marked)]
        cells = look_at(original, marked, document)
        assert ("处罚 & 强制", "E5") in cells
        book = load_workbook(marked)
        note = book["处罚 & 强制"]["E5"].comment.text
        assert note.startswith("待核") and "是 0 还是不适用" in note, "what the clerk wrote stays: " + note
        assert book["处罚 & 强制"]["A5"].comment.text == "其中简易程序 2 宗"
        assert [ws.title for ws in book.worksheets][book.index(book.active)] != LIST, "it opens where the clerk was"
        # Once more on the same file, without a word: it is not written over.
        again, _ = check(binary, original, "--marked", "-o", str(marked), exits=(2,))
        # Checked as it is, the marked file says the same.
        assert check(binary, marked, exits=(5,))[1]["refused"][0]["findings"] == document["refused"][0]["findings"]
        # Opened and saved by another program, it still says the same, and the old marks go when it is marked again.
        saved = libreoffice(marked, root / "lo")
        findings = check(binary, saved, exits=(5,))[1]["refused"][0]["findings"]
        assert [(f["code"], f.get("cell")) for f in findings] == [(f["code"], f.get("cell")) for f in document["refused"][0]["findings"]], findings
        book = load_workbook(saved)
        sheet = book["处罚 & 强制"]
        assert fill_of(sheet["E5"]) == "FFFFC7CE" and "是 0 还是不适用" in sheet["E5"].comment.text
        # The clerk corrects one cell; the sum is still wrong.
        sheet["E5"] = 0
        book.save(saved)
        second = root / "再标.xlsx"
        _, document = check(binary, saved, "--marked", "-o", str(second), exits=(5,))
        assert [f["cell"] for f in document["refused"][0]["findings"] if f["grade"] == "must_fix"] == ["I5"], document
        book = load_workbook(second)
        sheet = book["处罚 & 强制"]
        assert book.sheetnames.count(LIST) == 1
        assert fill_of(sheet["E5"]) != "FFFFC7CE", "the mark of what is corrected is gone"
        assert fill_of(sheet["I5"]) == "FFFFC7CE" and "应为 8" in sheet["I5"].comment.text
        assert sheet["I5"].comment.text.count("应为") == 1
        # All is well: nothing to mark, the list says so, the report can be published.
        sheet["I5"] = 8
        book.save(second)
        code, document = check(binary, second, "--marked", "-o", str(root / "好.xlsx"), exits=(0,))
        book = load_workbook(root / "好.xlsx")
        assert fill_of(book["处罚 & 强制"]["I5"]) is None
        print("marks: ok")


if __name__ == "__main__":
    main()
