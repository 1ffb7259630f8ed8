"""Looks for syntax errors in JavaScript, by one process of Node.js that waits for files: to start it takes 0.1 s."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

_SECONDS = 10.0
_CHECKER = """
const fs = require('fs'), path = require('path'), vm = require('vm');
function isModule(file) {
  if (file.endsWith('.mjs') || file.endsWith('.cjs')) return file.endsWith('.mjs');
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    try {
      return JSON.parse(fs.readFileSync(path.join(folder, 'package.json'))).type === 'module';
    } catch {}
    if (folder === path.dirname(folder)) return false;
  }
}
function errorIn(file) {
  let code;
  try { code = fs.readFileSync(file, 'utf8'); } catch { return null; }
  try {
    if (isModule(file)) new vm.SourceTextModule(code, {identifier: file});
    else vm.compileFunction(code.replace(/^#!.*/, ''), ['exports', 'require', 'module', '__filename', '__dirname'],
                            {filename: file});
    return null;
  } catch (error) {
    const first = error.stack.split('\\n')[0];
    const place = first.startsWith(file) ? /:([0-9]+)/.exec(first.slice(file.length)) : null;
    return {line: place ? Number(place[1]) : 0, message: error.message};
  }
}
require('readline').createInterface({input: process.stdin}).on('line', (line) => {
  process.stdout.write(JSON.stringify(errorIn(JSON.parse(line))) + '\\n');
});
"""


class JavaScriptChecker:
    """One process of the Node.js at `executable`, started when it is first asked, or by `start`."""

    def __init__(self, executable: Path) -> None:
        self._executable = executable
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [str(self._executable), "--experimental-vm-modules", "--no-warnings", "-e", _CHECKER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,  # Ctrl-C is for nightbus dev alone
            )

    def error_in(self, file: Path) -> str:
        """Return `file:line: message`, "" for a file that compiles or is gone, or where Node.js does not answer."""
        self.start()
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(str(file)) + "\n")
            self._process.stdin.flush()
            found = json.loads(self._process.stdout.readline())
        except (OSError, ValueError):
            return ""
        if not found:
            return ""
        return f"{file}:{found['line'] or self._line(file)}: {found['message']}"

    def _line(self, file: Path) -> int:
        """The line of the error of a module, which only a process of its own says."""
        command = [str(self._executable), "--check", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        place = re.search(r":(\d+)\n", done.stderr)
        return int(place[1]) if place else 1

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
