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
    interval = binomtest(counts["misreport"], compared).proportion_ci(method="wilson")
    share = counts["misreport"] / compared
    print(f"misreports: {share:.1%} [{interval.low:.1%}, {interval.high:.1%}] of {compared} compared (Wilson, 95%)")
    shades = sum(bool(row["minor"]) for row in rows if row["verdict"] == "faithful")
    print(f"faithful, with a note on a shade: {shades}")


if __name__ == "__main__":
    main()
