"""docs/security/asvs.md against the tree: every requirement of level 1 and 2 has a row, every row a test, a page, a source, "not met" or
"does not apply", and whatever a row names in backticks is there.

    asvs.py ROOT

asvs-5.0.0.txt, beside this file, has the numbers and levels of the released standard.
"""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
ROW = re.compile(r"^\| ([0-9]+\.[0-9]+\.[0-9]+) \| (.+?) \| (.+) \|$")
NAME = re.compile(r"`([^`]+)`")
FOLDERS = ("", "docs/security", "docs/operate")  # where a page without a path is looked for
TEST_FILES = ("*_test.cpp", "test_*.py", "*_test.py")
# What a row may name besides: settings, routes, claims of tokens.
OTHER = re.compile(r"[a-z_]+\.[a-z_]+|(?:GET|POST) /\S+|iss")
BUILD = re.compile(r"(?:z4j_unit_test|z4j_fuzzer|z4j_e2e_test|add_test)\s*\(\s*(?:NAME\s+)?([A-Za-z0-9_]+)")


def sources(root, pattern):
    for part in ("kernel", "plugins", "sdk", "tests"):
        yield from (file for file in (root / part).rglob(pattern) if "build" not in file.parts)


def tests_of(root):
    """Names of test functions, of files of tests, and of suites and fuzzers."""
    names = set()
    for file in (file for pattern in TEST_FILES for file in sources(root, pattern)):
        names.add(file.stem)
        text = file.read_text(errors="replace")
        names.update(re.findall(r"^\s*CPPUNIT_TEST\((\w+)\)", text, re.M))
        names.update(re.findall(r"^\s*def (test_\w+)\(", text, re.M))
    for file in sources(root, "CMakeLists.txt"):
        names.update(BUILD.findall(file.read_text()))
    return names


def settings_of(root):
    return set(re.findall(r"^\| ([a-z_]+\.[a-z_]+) \|", (root / "docs/operate/settings.md").read_text(), re.M))


def is_there(root, name, tests, settings):
    """"evidence", "word" for what is no evidence by itself, or None."""
    if name in tests:
        return "evidence"
    if re.search(r"\.[a-z]+$", name) and any((root / folder / name).is_file() for folder in FOLDERS):
        return "evidence"
    if OTHER.fullmatch(name) and (name in settings or not re.fullmatch(r"[a-z_]+\.[a-z_]+", name)):
        return "word"
    return None


def problems_of(page, wanted, look):
    """What is wrong with the page's text; `look`: what is_there() says of a name."""
    found, seen = [], set()
    for line in page.splitlines():
        if re.match(r"\| [0-9]", line) is None:
            continue
        row = ROW.match(line)
        if row is None:
            found.append(f"no row of three cells: {line}")
            continue
        number, what, shown = row.groups()
        if number in seen:
            found.append(f"{number} stands there twice")
        seen.add(number)
        if (number not in wanted) != what.endswith("(3)"):
            found.append(f"{number}: (3) stands at rows of level 3, and at those alone")
        names = NAME.findall(shown)
        kinds = {name: look(name) for name in names}
        found.extend(f"{number} names {name}, which is not there" for name in names if kinds[name] is None)
        if "evidence" not in kinds.values() and "**not met**" not in shown and "does not apply: " not in shown:
            found.append(f"{number} names no test, and is neither not met nor said not to apply")
    found.extend(f"{number} has no row" for number in wanted if number not in seen)
    return found


def main():
    root = pathlib.Path(sys.argv[1])
    wanted = [line.split()[0] for line in (HERE / "asvs-5.0.0.txt").read_text().splitlines() if not line.startswith("#")]
    tests, settings = tests_of(root), settings_of(root)
    page = (root / "docs/security/asvs.md").read_text()

    def problems(text):
        return problems_of(text, wanted, lambda name: is_there(root, name, tests, settings))

    found = problems(page)
    # Known to be able to fail: a page without a row, with a name of nothing, with a row that says nothing.
    for old, new in ((re.search(r"^\| 6\.2\.4 .*\n", page, re.M)[0], ""), ("`source_test`", "`no_such_test`"), ("`audit.md`", "`no-such-page.md`"),
                     ("does not apply: no LDAP", "no LDAP"), ("`mfa.enforce_for_all`", "`mfa.enforce_for_none`")):
        if old not in page or not set(problems(page.replace(old, new, 1))) - set(found):
            print(f"the test itself is broken: it accepts the page without {old}")
            return 1
    for problem in found:
        print(problem)
    print(f"{len(wanted)} requirements, {len(found)} problems")
    return 1 if found or len(wanted) < 250 else 0


sys.exit(main())
