"""Generator of the console's explanations of error reasons, from the tables of docs/troubleshooting.md."""

import json
import re
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "troubleshooting.md"
ROW = re.compile(r"^\| `([A-Z0-9_]+)` \| (.+?) \| (.+?) \|$", re.MULTILINE)
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


def main(target: Path) -> None:
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    texts = {
        reason: {"meaning": LINK.sub(r"\1", meaning), "fix": LINK.sub(r"\1", fix)} for reason, meaning, fix in rows
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(texts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
