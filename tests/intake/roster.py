"""Writes a roster as an office keeps it: a title, divisions merged over their agencies, days as dates.

usage: roster.py FILE [wrong]"""

import datetime
import sys

import openpyxl

book = openpyxl.Workbook()
sheet = book.active
sheet.title = "应报名册"
sheet["A1"] = "2024年度行政执法年报应报机关名册"
sheet.merge_cells("A1:D1")
sheet.append(["行政区划代码", "机关名称", "报送截止", "起始年度"])
sheet.append([330282, "慈溪市公安局", datetime.date(2026, 2, 28), 2020])
sheet.append([None, "慈溪市交通运输局", None, None])
sheet.merge_cells("A3:A4")
if "wrong" in sys.argv:
    sheet["C4"] = "二月底"
other = book.create_sheet("说明")
other["A1"] = "本表由市司法局填写"
towns = book.create_sheet("乡镇")
towns.append(["机关", "区划"])
towns.append(["附海镇人民政府", "330282108"])
if "wrong" in sys.argv:
    towns.append(["观海卫镇人民政府", "33028210"])
book.save(sys.argv[1])
print(sys.argv[1])
