"""Reports of provinces and years that nobody has seen, invented from a seed, as a clerk or another program writes them.

What a cell must come out as is computed here, from the contract and with `decimal`, never asked of the program.
`Case.json`, `Case.csv` and `Case.xlsx` write the same report in three forms; each says where its cells stand.
"""

import csv
import json
import re
import tomllib
from decimal import Decimal
from pathlib import Path

from openpyxl import Workbook
from openpyxl.utils import column_index_from_string, get_column_letter

LAYOUTS = [
    tomllib.loads(path.read_text("utf-8"))
    for path in sorted((Path(__file__).parents[2] / "config/templates").glob("*.toml"))
]
WIDE = str.maketrans("0123456789.,()", "０１２３４５６７８９．，（）")
TRADITIONAL = str.maketrans(
    "罚没违财暂许证执责产业关闭从处级资质开经营动报请数额类别诉讼强检决给奖励确认为与员结场设复变议审轻减划冻简维败职总纳拨卖碍状诉",
    "罰沒違財暫許證執責產業關閉從處級資質開經營動報請數額類別訴訟強檢決給獎勵確認為與員結場設復變議審輕減劃凍簡維敗職總納撥賣礙狀訴",
)
FACTORS = {"宗": 1, "件": 1, "起": 1, "次": 1, "个": 1, "人": 1, "%": 1, "万件": 10000, "元": 1, "万元": 10000, "亿元": 10**8}
BASES = {"万件": "件", "万元": "元", "亿元": "元"}
PLACES = [("440305", "深圳市南山区"), ("510104", "成都市锦江区"), ("330282108", "附海镇"), ("650100", "乌鲁木齐市"), ("469007", "东方市"), ("150702-kfq", "呼伦贝尔开发区")]
KINDS_OF_BODY = ["应急管理局", "水务局", "交通运输局", "文化广电旅游体育局", "综合行政执法局", "人民政府", "林业和草原局"]


class Cell:
    """What is written, and what must come out: printed, value, unit, state."""

    def __init__(self, raw, printed, state, value=None, unit=None):
        self.raw, self.printed, self.state, self.value, self.unit = raw, printed, state, value, unit


class Table:
    def __init__(self, name, layout, unit, columns, rows, label_count):
        self.name, self.layout, self.unit, self.columns, self.rows = name, layout, unit, columns, rows
        self.label_count = label_count  # columns of labels in front
        self.identities = []  # (total column, columns of its parts)
        self.counts = []  # columns that count


def spelled(rng, header):
    """A header as somebody else spells it."""
    text = header
    if rng.random() < 0.25:
        text = text.translate(TRADITIONAL)
    if rng.random() < 0.3:
        at = rng.randrange(1, max(2, len(text)))
        text = text[:at] + rng.choice([" ", "\u3000", "  "]) + text[at:]
    if rng.random() < 0.4:
        left, right = rng.choice(["()", "【】", "〔〕", "［］", "（)"])
        text = text.replace("（", left).replace("）", right)
    return text


def figure(rng, number, unit, kinds):
    """A number under a unit, written in one of the ways that can only mean it. `number` is in base units."""
    factor = FACTORS.get(unit)
    shown = Decimal(number) / (factor or 1)
    plain = format(shown.normalize(), "f")
    value = (Decimal(number), BASES.get(unit, unit)) if factor else (None, None)
    kind = rng.choice(kinds)
    whole, _, decimals = plain.partition(".")
    tail = "." + decimals if decimals else ""
    if kind == "number":
        zeros = rng.random() < 0.1
        text = plain + ("0" if tail else ".0") if zeros else plain
        return Cell(("number", text), text, "value", *value)
    if kind == "grouped" and len(whole) > 3:
        plain = f"{int(whole):,}{tail}".replace(",", rng.choice([",", "，", " "]))
    if kind == "wide":
        plain = plain.translate(WIDE)
    if kind == "suffixed" and factor:
        plain += rng.choice(["", " "]) + unit
    return Cell(("text", plain), plain, "value", *value)


def blank(rng):
    if rng.random() < 0.5:
        return Cell(("null", None), "", "blank")
    return Cell(("text", "不适用"), "不适用", "not_applicable")


def label(text):
    return Cell(("text", text), text, "text")


def table_of(rng, layout, name):
    """A table of a layout: any order, any spelling, any unit clause, one row or several with 合计."""
    chosen = [c for c in layout["columns"] if not c.get("optional") or rng.random() < 0.7]
    if rng.random() < 0.4:
        rng.shuffle(chosen)
    count_unit = rng.choice(["宗", "件", "起", chosen[0]["unit"] if chosen[0].get("kind") != "money" else "宗", "万件"])
    money_unit = rng.choice(["元", "万元", "万元", "亿元"])
    has_money = any(c.get("kind") == "money" for c in chosen)
    style = rng.choice(["brackets", "clause", "both", "unknown" if not has_money else "brackets"])
    unit_of, headers = {}, []
    for column in chosen:
        money = column.get("kind") == "money"
        unit = money_unit if money else count_unit
        header = rng.choice([column["header"], *column.get("aliases", [])])
        bracket = money and style in ("brackets", "both") or style == "both" and rng.random() < 0.3
        inside = rng.choice([unit, unit, f"单位：{unit}", f" {unit} "])
        headers.append(spelled(rng, f"{header}（{inside}）" if bracket else header))
        unit_of[column["id"]] = unit if style != "unknown" else None
    separator = rng.choice([";", "；", "，"])
    clause = "金额" + rng.choice(["为", "："]) + money_unit
    if not has_money or style == "brackets":
        table_unit = rng.choice(["件/起", "", "万次等"]) if style == "unknown" else rng.choice(["", "单位：", "计量单位："]) + count_unit
    else:
        table_unit = f"{count_unit}{separator}{clause}"
    rows = []
    row_count = rng.choice([1, 1, 2, 4])
    identities = layout.get("identities", [])
    for _ in range(row_count):
        rows.append(figures(rng, layout, chosen))
    if row_count > 1:
        sums = {c["id"]: sum(row.get(c["id"]) or 0 for row in rows) for c in chosen}
        rows.append(sums)
    kinds = ["number", "number", "text", "grouped", "wide", "suffixed"]
    # 万件 with one decimal: 18.1 万件 are 181,000.
    counted = 1000 if count_unit == "万件" else 1
    cells = []
    for at, row in enumerate(rows):
        line = []
        for column in chosen:
            number, unit = row.get(column["id"]), unit_of[column["id"]]
            scale = 1 if column.get("kind") == "money" else counted
            # Under an unknown unit nothing is scaled: the printed number is all there is.
            scale = scale if unit else 1
            line.append(blank(rng) if number is None else figure(rng, number * scale, unit, kinds))
        cells.append(line)
    labels, tail = [], []
    if row_count > 1 or rng.random() < 0.3:
        labels = [rng.choice(["单位名称", "部门", "单 位 名 称", "执法大队"])]
        names = [label(f"第{at + 1}执法大队") for at in range(row_count)] + ([label(rng.choice(["合计", "总 计"]))] if row_count > 1 else [])
        cells = [[name, *line] for name, line in zip(names, cells)]
    if labels and rng.random() < 0.3:
        labels = ["序号", *labels]
        cells = [[label(f"{'一二三四五'[at]}"), *line] for at, line in enumerate(cells)]
    if rng.random() < 0.2:
        tail = ["备注"]
        cells = [[*line, Cell(("null", None), "", "blank") if rng.random() < 0.5 else label(rng.choice(["无", "含委托 12 件", "=1+1", "2024年3月起"]))] for line in cells]
    table = Table(name, layout["id"], table_unit, labels + headers + tail, cells, len(labels))
    ids = [c["id"] for c in chosen]
    for identity in identities:
        table.identities.append((len(labels) + ids.index(identity["equals"]), [len(labels) + ids.index(i) for i in identity["sum"]]))
    table.counts = [len(labels) + at for at, c in enumerate(chosen) if c.get("kind") != "money"]
    return table


def figures(rng, layout, chosen):
    """Numbers of one row that break no rule; None is left blank. Counts are in units of the table, money in 元."""
    row = {}
    for column in chosen:
        if column.get("kind") == "money":
            row[column["id"]] = Decimal(rng.randrange(0, 10**9)) * 10 if rng.random() < 0.8 else Decimal(0)
        else:
            row[column["id"]] = rng.choice([0, rng.randrange(0, 40), rng.randrange(0, 60_000)])
        if rng.random() < 0.12:
            row[column["id"]] = None
    for identity in layout.get("identities", []):
        total, parts = identity["equals"], identity["sum"]
        if total in row and len(parts) == 2:  # 简易 + 一般 = the total that stands already
            row[parts[0]] = rng.randrange(0, row[total] + 1)
            row[parts[1]] = row[total] - row[parts[0]]
        else:
            row[total] = sum(row.get(part) or 0 for part in parts)
    return row


def extra_table(rng):
    """A table of no layout: words beside figures, nothing refuses."""
    headers = ["类 别", "办件（件）", "占比（%）", "备注"]
    rows = []
    for at in range(rng.randrange(1, 4)):
        rows.append([
            label(["网上办理", "窗口办理", "上门办理"][at]),
            figure(rng, rng.randrange(0, 9000), "件", ["number", "text"]),
            Cell(("text", "约三成"), "约三成", "text") if rng.random() < 0.3 else Cell(("number", "31.5"), "31.5", "value", Decimal("31.5"), "%"),
            Cell(("null", None), "", "blank") if rng.random() < 0.5 else label("<b>304册</b>"),
        ])
    return Table("办件方式构成", None, "件", headers, rows, 1)


class Case:
    """One report."""

    def __init__(self, rng, at, layout):
        self.at = at
        self.code, place = rng.choice(PLACES)
        self.agency = f"{place}{rng.choice(KINDS_OF_BODY)}第{at}号（合成示例）"
        self.year = rng.choice([1987, 2003, 2011, 2018, 2019, 2020, 2021, 2022, 2023, 2024, 2025])
        self.narrative = rng.choice([None, "全年依法履职。\n未发生行政复议被纠错情形。"])
        self.consolidated = rng.random() < 0.2
        self.provisional = rng.random() < 0.2
        self.members = [f"{place}所属第{n}单位" for n in range(3)] if self.consolidated else []
        title = rng.choice([layout["title"], f"{self.year}年{layout['title']}", f"{place}{self.year}年度{layout['title']}"])
        self.tables = [table_of(rng, layout, title)]
        if rng.random() < 0.3:
            self.tables.append(extra_table(rng))

    def json(self, path):
        tables = {}
        for table in self.tables:
            rows = [[token(cell.raw) for cell in row] for row in table.rows]
            body = f'"values": [{", ".join(rows[0])}]' if len(rows) == 1 else '"rows": [' + ", ".join("[" + ", ".join(row) + "]" for row in rows) + "]"
            tables[table.name] = f'{{"unit": {quoted(table.unit)}, "columns": {quoted(table.columns)}, {body}}}'
        members = {
            "agency_name": self.agency, "division_code": self.code, "year": self.year, "narrative": self.narrative,
            "scope": "consolidated" if self.consolidated else "own", "members": self.members,
            "status": "provisional" if self.provisional else "final", "level": "市", "notes": "合成示例",
        }
        text = ", ".join(f"{quoted(key)}: {quoted(value)}" for key, value in members.items())
        inner = ", ".join(f"{quoted(name)}: {table}" for name, table in tables.items())
        path.write_text(f'{{{text}, "tables": {{{inner}}}}}', "utf-8")
        return {(t, r, c): ("", f"{get_column_letter(c + 1)}{r + 1}") for t, r, c in self.places()}

    def places(self):
        return [(t, r, c) for t, table in enumerate(self.tables) for r, row in enumerate(table.rows) for c in range(len(row))]

    def head(self):
        lines = [("机关名称", self.agency), ("区划代码", self.code), ("年度", str(self.year)), ("统计口径", "汇总" if self.consolidated else "本级"), ("数据状态", "暂定" if self.provisional else "最终")]
        if self.members:
            lines.append(("成员单位", "、".join(self.members)))
        if self.narrative:
            lines.append(("总体情况", self.narrative))
        return lines

    def csv(self, path):
        lines, places = [list(line) for line in self.head()], {}
        at = sum(1 + (str(line[1]).count("\n")) for line in lines)
        for t, table in enumerate(self.tables):
            for line in ([], ["表名", table.name], ["计量单位", table.unit], table.columns):
                lines.append(line)
                at += 1
            for r, row in enumerate(table.rows):
                lines.append([cell.raw[1] or "" for cell in row])
                at += 1
                places |= {(t, r, c): ("", f"{get_column_letter(c + 1)}{at}") for c in range(len(row))}
        encoding, mark = [("utf-8-sig", ","), ("utf-8", ";"), ("gb18030", ","), ("utf-16", "\t")][self.at % 4]
        with path.open("w", encoding=encoding, newline="") as file:
            csv.writer(file, delimiter=mark).writerows(lines)
        return places

    def grouped(self, sheet, table, row, left):
        """Two header lines: the parts of the total under one head, all else merged down."""
        _, parts = table.identities[0]
        inside = [c for c in range(len(table.columns)) if parts and min(parts) <= c <= max(parts)]
        for c, header in enumerate(table.columns):
            sheet.cell(row, left + c).value = None
            if c in inside:
                sheet.cell(row + 1, left + c, header)
            else:
                sheet.cell(row, left + c, header)
                sheet.merge_cells(start_row=row, start_column=left + c, end_row=row + 1, end_column=left + c)
        sheet.cell(row, left + inside[0], "办件种类")
        sheet.merge_cells(start_row=row, start_column=left + inside[0], end_row=row, end_column=left + inside[-1])

    def xlsx(self, path):
        book, places = Workbook(), {}
        sheet = book.active
        sheet.title = "基本情况"
        for row, line in enumerate(self.head(), 1):
            for column, text in enumerate(line, 1):
                sheet.cell(row, column, text)
        for t, table in enumerate(self.tables):
            sheet = book.create_sheet(f"表{t + 1}")
            # Where a clerk begins is free, and so is a line that counts the columns, and how figures are shown.
            left, top = self.at % 3, 1 + self.at % 2
            sheet.cell(top, 1 + left, table.name)
            if len(table.columns) > 1:
                sheet.merge_cells(start_row=top, start_column=1 + left, end_row=top, end_column=left + len(table.columns))
            unit = table.unit if table.unit.startswith(("单位", "计量")) else f"单位：{table.unit}"
            sheet.cell(top + 1, len(table.columns) + left, unit)
            first = top + 4
            for column, header in enumerate(table.columns, 1 + left):
                sheet.cell(first - 1, column, header)
            if self.at % 5 == 2 and table.identities:
                self.grouped(sheet, table, first - 1, 1 + left)
                first += 1
            if self.at % 4 == 0 and table.label_count:
                for column in range(len(table.columns)):
                    sheet.cell(first, 1 + left + column, column or "甲")
                first += 1
            for r, row in enumerate(table.rows):
                for c, cell in enumerate(row):
                    kind, text = cell.raw
                    there = sheet.cell(first + r, 1 + left + c)
                    there.value = None if kind == "null" else Decimal(text) if kind == "number" else text
                    there.number_format = ["General", "#,##0.00", "0_ "][self.at % 3]
                    there.data_type = "s" if kind == "text" else there.data_type
                    places[(t, r, c)] = (sheet.title, there.coordinate)
                for total, parts in table.identities if self.at % 5 == 1 else []:
                    plain = all(row[c].state != "value" or row[c].raw[0] == "number" for c in parts)
                    if plain and row[total].raw[0] == "number":
                        cells = [f"{get_column_letter(1 + left + c)}{first + r}" for c in parts]
                        sheet.cell(first + r, 1 + left + total).value = sum_formula(cells)
            sheet.cell(first + 1 + len(table.rows), 1 + left, "注：同一案件有几项处罚的只计一次。")
        book.save(path)
        return places


def sum_formula(cells):
    """A sum as somebody writes it: a range where the cells stand side by side, else one by one."""
    first, last = cells[0], cells[-1]
    letters = [re.match("[A-Z]+", cell).group() for cell in cells]
    columns = [column_index_from_string(letter) for letter in letters]
    if columns == list(range(columns[0], columns[0] + len(columns))):
        return f"=SUM({first}:{last})"
    return "=" + "+".join(cells)


def token(raw):
    kind, text = raw
    return "null" if kind == "null" else text if kind == "number" else quoted(text)


def quoted(value):
    return json.dumps(value, ensure_ascii=False)
