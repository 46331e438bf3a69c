"""What share of the reported statements misreports its page? Verdicts of fresh readers on 150 random ones.

.venv/bin/python experiments/page_check/page_check.py
"""

import json
from collections import Counter
from pathlib import Path

from scipy.stats import binomtest

VERDICTS = Path(__file__).with_name("verdicts.jsonl")


def main() -> None:
    rows = [json.loads(line) for line in VERDICTS.read_text(encoding="utf-8").splitlines()]
    counts = Counter(row["verdict"] for row in rows)
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()))
    compared = counts["faithful"] + counts["misreport"]
    strict = sum(row["strict"] for row in rows)
    for words, found in (("readers'", counts["misreport"]), ("strict", strict)):
        interval = binomtest(found, compared).proportion_ci(method="wilson")
        share = f"{found / compared:.1%} [{interval.low:.1%}, {interval.high:.1%}]"
        print(f"misreports, {words} count: {found} of {compared} compared, {share} (Wilson, 95%)")
    shades = sum(bool(row["minor"]) for row in rows if row["verdict"] == "faithful")
    print(f"faithful to the readers, with a note on a shade: {shades}")


if __name__ == "__main__":
    main()
