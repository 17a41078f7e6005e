"""One true table of each flow in 200 ways of writing: how many are read right, how many refused.

A way is a kind of file, a separator, an encoding, forms of days and numbers, dressing, and several
files or sheets (`tests/variants`). `partial` (rows are missing) and `wrong` (rows are not the true
ones) must be 0. `panel` is `flow evaluate`.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

WAYS = 200
VERDICTS = ("equal", "refused", "partial", "wrong")


def main() -> int:
    from tests.variants.reading import READERS, outcome

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("flows", nargs="*", default=list(READERS), help="which readers; all")
    parser.add_argument("--ways", type=int, default=WAYS)
    parser.add_argument("--show", choices=VERDICTS, help="each way of this verdict, with its words")
    options = parser.parse_args()
    bad = 0
    print(f"{'reader':12}" + "".join(f"{verdict:>9}" for verdict in VERDICTS))
    for name in options.flows:
        found = Counter[str]()
        for number in range(options.ways):
            one = outcome(name, number)
            found[one.verdict] += 1
            if one.verdict == options.show:
                print(f"  {name} {number}: {one.way.text()}")
                print(*(f"    {words}" for words in one.words[:2]), sep="\n")
        print(f"{name:12}" + "".join(f"{found[verdict]:9}" for verdict in VERDICTS), flush=True)
        bad += found["partial"] + found["wrong"]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
