"""Reads the sources that ship and fails on what could run or show data as code: shells, pickle or eval in
Python, raw HTML sinks in pages, format strings that are not literals.

Also run on lines made here that break each rule, so that the test is known to be able to fail.
"""
import pathlib
import re
import sys

RULES = {
    "starts a program by a shell": re.compile(r"(?<![\w.>:])(?:std::|::)?(?:system|popen)\s*\("),
    "replaces the process": re.compile(r"(?<![\w.>])(?:::)?exec[vl][pe]*\s*\("),
    "runs a pickle": re.compile(r"\bpickle\.loads?\b|\bmarshal\.loads?\b"),
    "writes raw HTML in a page": re.compile(r"\binnerHTML\b|\bouterHTML\b|\bdocument\.write\b|\binsertAdjacentHTML\b"),
    "takes a format from data": re.compile(r"\b(?:v?f?printf|v?s?n?printf|syslog)\s*\(\s*(?:std(?:err|out)\s*,\s*)?[a-z_]\w*(?:\.c_str\(\))?\s*\)"),
    "runs a text as code in a page": re.compile(r"\bnew Function\s*\(|(?<![\w.>:])(?<!Reply )eval\s*\("),
}
ENDINGS = {".cpp", ".hpp", ".h", ".c", ".py", ".js", ".ts", ".tsx", ".html"}
# Tests; what npm brings and what is built of it; the rules that forbid these words in pages.
LEFT_OUT = {"testing", "tests", "node_modules", "dist", "eslint.config.js"}
BROKEN = ['std::system("ls");', "::popen(command, \"r\")", "::execvp(name, argv)", "pickle.loads(data)", "a.innerHTML = b", "std::printf(text.c_str());",
          "std::fprintf(stderr, text)", "eval(code)"]
SOUND = ['connection_.eval(kScript, keys, {})', 'std::printf("%s", text.c_str());', "base::json::system_of(x)", "told.textContent = why", "subsystem (x)"]


def problems_of(text):
    return [(number, what) for number, line in enumerate(text.splitlines(), 1) for what, rule in RULES.items() if rule.search(line)]


def main():
    root = pathlib.Path(sys.argv[1])
    for line in BROKEN:
        if not problems_of(line):
            print(f"the test itself is broken: it accepts {line}")
            return 1
    for line in SOUND:
        if problems_of(line):
            print(f"the test itself is broken: it refuses {line}: {problems_of(line)}")
            return 1
    found, read = 0, 0
    for part in ("kernel", "plugins", "sdk"):
        for file in sorted((root / part).rglob("*")):
            if file.suffix in ENDINGS and not file.stem.endswith("_test") and not LEFT_OUT & set(file.parts):
                read += 1
                for number, what in problems_of(file.read_text(errors="replace")):
                    found += 1
                    print(f"{file.relative_to(root)}:{number}: {what}")
    print(f"{read} files read, {found} found")
    return 1 if found or read < 100 else 0


sys.exit(main())
