"""A page that is open for hours beside a working fleet: its heap after a collection is flat.

Z4J_TEST_MINUTES says how long (120).
"""
import os
import statistics
import unittest

from browser import Demo, browse

MINUTES = float(os.environ.get("Z4J_TEST_MINUTES", "120"))
# 50 MB in eight hours; less than this cannot be told from what caches take at first.
MOST_BYTES = max(4e6, 50e6 * MINUTES / 480)


class StayTest(unittest.TestCase):
    def test_the_heap_of_a_page_that_stays_open_is_flat(self):
        demo = Demo()
        self.addCleanup(demo.remove)
        lines = browse("stay", str(MINUTES), seconds=MINUTES * 60 + 300, **demo.session)
        samples = [[int(n) for n in line.split()[1:]] for line in lines if line.startswith("heap ")]
        self.assertGreaterEqual(len(samples), 10, lines)
        warm = samples[len(samples) // 5:]  # what is read once stays
        quarter = max(2, len(warm) // 4)
        for what, most, values in zip(("heap in bytes", "nodes", "listeners"), (MOST_BYTES, 20_000, 2_000), zip(*warm)):
            first, last = statistics.median(values[:quarter]), statistics.median(values[-quarter:])
            print(f"{what}: {first:,.0f} at first, {last:,.0f} at last, of {len(samples)} samples in {MINUTES:g} minutes")
            self.assertLess(last - first, most, f"{what}: {values}")


if __name__ == "__main__":
    unittest.main()
