#!/usr/bin/env python3
"""A folder of a thousand workbooks: checked in one call, with a bar, a rate and what remains where a person watches.

usage: folder.py BINARY COUNT
"""

import json
import os
import pty
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hunt import spoil
from reports import LAYOUTS, Case


def watched(words):
    """Runs a command on a terminal; what its screen showed, and its exit code."""
    ours, theirs = pty.openpty()
    surroundings = os.environ | {"TERM": "xterm", "COLUMNS": "100", "LANG": "C.UTF-8"}
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=surroundings)
    os.close(theirs)
    shown = bytearray()
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # how Linux says that nobody writes any more
            break
        if not data:
            break
        shown.extend(data)
    os.close(ours)
    return shown.decode("utf-8", "replace"), process.wait(60)


def main():
    binary, count = sys.argv[1], int(sys.argv[2])
    total = count
    rng = random.Random(99)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folder, models = root / "年报", root / "models"
        folder.mkdir()
        models.mkdir()
        for at in range(20):
            case = Case(rng, at, rng.choice(LAYOUTS))
            if at == 7:
                spoil(rng, case)
            case.xlsx(models / f"{at}.xlsx")
        for at in range(count):
            (folder / f"{at // 100:03}").mkdir(exist_ok=True)
            shutil.copyfile(models / f"{at % 20}.xlsx", folder / f"{at // 100:03}" / f"{at:05}.xlsx")
        (folder / "~$00001.xlsx").write_bytes(b"what Excel keeps beside an open workbook")
        begun = time.monotonic()
        shown, code = watched([binary, "check", str(folder), "--data", "/nonexistent"])
        took = time.monotonic() - begun
        assert code == 5, shown[-400:]
        assert f"/{count}" in shown and "/s" in shown, "a bar with a rate: " + shown[:400]
        wrong = sum(1 for at in range(count) if at % 20 == 7)
        assert f"{count - wrong} 份合格，{wrong} 份有误" in shown, shown[-400:]
        some = [str(folder / "000"), str(folder / "001")]
        count = 200
        wrong = sum(1 for at in range(count) if at % 20 == 7)
        words = [binary, "check", *some, "--json", "--data", "/nonexistent", "--marked", "-o", str(root / "退回")]
        ended = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        document = json.loads(ended.stdout)
        assert ended.stderr == "" and len(document["checked"]) == count and len(document["refused"]) == wrong, ended.stderr
        given_back = {Path(path).name for path in document["marked"]}
        assert {Path(row["file"]).name for row in document["refused"]} <= given_back, "those to correct are given back"
        print(f"{total} workbooks checked in {took:.1f} s, {total / took:.0f} a second; of {count} {len(given_back)} given back marked")


if __name__ == "__main__":
    main()
