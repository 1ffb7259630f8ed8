"""Counts what generated templates have exercised, so that it shows whether they are more than trivial refusals."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

_QUOTED = re.compile(r"'[^']*'|\[[^\]]*\]|\"[^\"]*\"|\b[A-Za-z]*\d[\w/-]*|arn:\S+|\S{25,}")
_MOST_TEXTS = 400


class Tally:
    """`counts` has a counter for each subject: tries, outcomes, functions, resource types and so on."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}

    def add(self, subject: str, what: str, times: int = 1) -> None:
        counter = self.counts.setdefault(subject, Counter())
        if len(counter) < _MOST_TEXTS or what in counter:
            counter[what] += times
        else:
            counter["(others)"] += times

    def refused(self, code: str, message: str) -> None:
        """Count a refusal by its text, without what the template has put into it."""
        text = _QUOTED.sub("…", message.partition("\n")[0][:400])
        self.add("refusals", f"{code}: {text}"[:120])

    def document(self, value: Any) -> None:
        """Count the functions, resource types and parameter types of a template."""
        for name in functions_in(value):
            self.add("functions", name)
        for section, subject in (("Resources", "resource types"), ("Parameters", "parameter types")):
            members = value.get(section) if isinstance(value, dict) else None
            for one in members.values() if isinstance(members, dict) else ():
                if isinstance(one, dict) and isinstance(one.get("Type"), str):
                    self.add(subject, one["Type"][:80])

    def add_to(self, path: Path) -> None:
        """Add the counts to those that the file has."""
        kept = json.loads(path.read_text()) if path.exists() else {}
        for subject, counter in self.counts.items():
            kept[subject] = dict((Counter(kept.get(subject, {})) + counter).most_common())
        path.write_text(json.dumps(kept, indent=1, ensure_ascii=False))


def functions_in(value: Any) -> list[str]:
    if isinstance(value, list):
        return [name for child in value for name in functions_in(child)]
    if not isinstance(value, dict):
        return []
    own = [name.partition("ForEach::")[0] + "ForEach" if "ForEach::" in name else name
           for name in value if isinstance(name, str) and (name == "Ref" or name.startswith("Fn::"))]  # fmt: skip
    return own + [name for child in value.values() for name in functions_in(child)]
