"""Each operation of the storage contract, S01 to S52, has a case on every driver, and docs/abi/storage.md says which and
with what bound.

    operations_test.py SOURCE

Cases are read from the suites that the programs of CMakeLists.txt are made of.
"""
import pathlib
import re
import sys
import unittest

SOURCE = pathlib.Path(sys.argv[1])
SUITES = SOURCE / "tests" / "contract"
NUMBERS = {f"S{n:02}" for n in range(1, 53)}


def numbers_of(case):
    """s43_s44_a_lease -> S43, S44."""
    return {part.upper() for part in re.match(r"(?:s\d\d_)*", case).group().split("_") if part}


def cases():
    """driver -> names of its numbered cases."""
    out = {}
    programs = re.findall(r"z4j_unit_test\((storage_\w+)\s+SOURCES ([^A-Z]+)", (SUITES / "CMakeLists.txt").read_text())
    for program, sources in programs:
        for source in sources.split():
            text = (SUITES / source).read_text()
            names = set(re.findall(r"CPPUNIT_TEST\((s\d\d_\w+)\);", text))
            if not names:  # a suite of something else
                continue
            here, elsewhere = re.search(r"#ifdef Z4J_CONTRACT_POSTGRESQL\nCPPUNIT_TEST(.*?)#else(.*?)#endif", text, re.S).groups() if "#ifdef Z4J_CONTRACT_POSTGRESQL\nCPPUNIT_TEST" in text else ("", "<Sqlite>")
            for driver in re.findall(r"<(\w+)>", here if "postgresql" in program else elsewhere):
                if names:
                    out.setdefault(driver, set()).update(names)
    return out


class OperationsTest(unittest.TestCase):
    by_driver = cases()

    def test_every_operation_runs_on_every_driver(self):
        self.assertEqual(set(self.by_driver), {"Sqlite", "Memory", "Postgresql"})
        for driver, names in self.by_driver.items():
            seen = set().union(*map(numbers_of, names))
            self.assertEqual(sorted(NUMBERS - seen), [], driver)

    def test_the_document_names_every_case_and_no_other(self):
        page = (SOURCE / "docs" / "abi" / "storage.md").read_text()
        rows = re.findall(r"^\| (S\d\d(?:, S\d\d)*) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", page, re.M)
        told = set()
        for numbers, _, bound, names in rows:
            self.assertTrue(bound.strip())
            for name in re.findall(r"`(s\d\d_\w+)`", names):
                self.assertEqual(numbers_of(name) & set(numbers.split(", ")), numbers_of(name), name)
                told.add(name)
        self.assertEqual(set().union(*(set(numbers.split(", ")) for numbers, *_ in rows)), NUMBERS)
        self.assertEqual(told, set().union(*self.by_driver.values()))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
