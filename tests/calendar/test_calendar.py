"""The calendar of the schedulers and plain second implementations name the same due times."""
import datetime
import os
import pathlib
import random
import subprocess
import unittest
import zoneinfo

import plain_cron
import plain_sun

PROGRAM = pathlib.Path(os.environ["Z4J_BUILD"]) / "tests" / "calendar_times"
FULL = os.environ.get("Z4J_CALENDAR_FULL") == "1"
FILES = "/usr/share/zoneinfo"
BEGIN, END = 1104537600, 2051222400  # 2005 to 2035
AROUND = 48 * 3600

# Clocks that change at odd times, by odd amounts, by a day, twice in a month; and one that never changes.
SAMPLE = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "Africa/Cairo", "Asia/Tehran",
          "America/St_Johns", "Asia/Pyongyang", "Antarctica/Troll", "America/Caracas", "Europe/Dublin", "America/Sao_Paulo", "Asia/Kolkata"]
EXPRESSIONS = ["30 2 * * *", "0 0 * * *", "15,45 1-3 * * *", "*/7 * * * *", "0 * * * *", "59 23 28-31 * fri-sun", "10 0-2,23 1-7 * mon",
               "*/20 1-2 * * *", "0 */3 * * *"]


def ask(lines):
    out = subprocess.run([PROGRAM], input="".join("\t".join(map(str, line)) + "\n" for line in lines), capture_output=True, text=True,
                         check=True, timeout=3600).stdout.splitlines()
    assert len(out) == len(lines)
    return out


def offset_of(zone):
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return lambda instant: int((epoch + datetime.timedelta(seconds=instant)).astimezone(zone).utcoffset().total_seconds())


def changes(offset):
    """The instants at which the offset changes."""
    out, step = [], 3 * 3600
    before = offset(BEGIN)
    for t in range(BEGIN, END, step):
        after = offset(t + step)
        if after != before:
            low, high = t, t + step
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == before else (low, middle)
            out.append(high)
        before = after
    return out


def zone_names():
    """Each zone once, whatever other names its rules have."""
    seen = {}
    for name in sorted(zoneinfo.available_timezones()):
        seen.setdefault((pathlib.Path(FILES) / name).read_bytes(), name)
    return sorted(seen.values())


class Clocks(unittest.TestCase):
    def compare(self, name, dice):
        offset = offset_of(zoneinfo.ZoneInfo(name))
        moments = changes(offset)
        if not FULL:
            moments = dice.sample(moments, min(len(moments), 3))
        moments += [dice.randrange(BEGIN, END) // 60 * 60 for _ in range(20 if FULL else 2)]
        asked, expected = [], []
        for moment in moments:
            first, last = moment - AROUND, moment + AROUND
            lead = 2 * 86400  # so that it knows which labels have had their turn
            walls = [(t, t + offset(t)) for t in range(first - lead, last, 60)]
            for expression in EXPRESSIONS if FULL else dice.sample(EXPRESSIONS, 5):
                due = plain_cron.Cron(expression).between(walls, first)
                asked.append(("cron", expression, name, first - 1, len(due) + 1))
                expected.append((due, last))
        for line, answer, (due, last) in zip(asked, ask(asked), expected):
            got = [int(word) for word in answer.split() if int(word) < last]
            self.assertEqual(due, got, line)

    def test_each_change_of_clocks(self):
        names = zone_names() if FULL else SAMPLE
        self.assertGreater(len(names), 10)
        for name in names:
            with self.subTest(zone=name):
                self.compare(name, random.Random(name))

    def test_seconds_too(self):
        offset = offset_of(zoneinfo.ZoneInfo("Europe/Berlin"))
        for moment in (1774746000, 1792890000):  # 29 March and 25 October 2026
            walls = [(t, t + offset(t)) for t in range(moment - 3 * 3600, moment + 3 * 3600)]
            for expression in ("0 2 * * * 30", "30 2 * * * */20", "59,0 1-3 * * * 0,59"):
                first = moment - 7200
                due = plain_cron.Cron(expression).between(walls, first)
                got = [int(w) for w in ask([("cron", expression, "Europe/Berlin", first - 1, len(due) + 1)])[0].split()]
                self.assertEqual(due, [t for t in got if t < moment + 3 * 3600], expression)

    def test_rare_days(self):
        """What lies far off is found, and what never comes is given up."""
        after = 1767225600  # 2026
        self.assertEqual("1835395200 ", ask([("cron", "0 0 29 2 *", "UTC", after, 1)])[0])
        self.assertEqual("", ask([("cron", "0 0 30 2 *", "UTC", after, 1)])[0])
        self.assertEqual("", ask([("cron", "0 0 31 4,6,9,11 *", "Asia/Kolkata", after, 1)])[0])

    def test_random_expressions(self):
        dice = random.Random(7)
        zones = [(name, offset_of(zoneinfo.ZoneInfo(name))) for name in SAMPLE]

        def field(least, most):
            return dice.choice(["*", str(dice.randint(least, most)), f"*/{dice.randint(2, max(2, most // 2))}",
                                ",".join(str(dice.randint(least, most)) for _ in range(3)),
                                "-".join(map(str, sorted(dice.sample(range(least, most + 1), 2)))) + dice.choice(["", "/2", "/5"])])

        for _ in range(2000 if FULL else 60):
            name, offset = dice.choice(zones)
            expression = " ".join([field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7)])
            first = dice.randrange(BEGIN, END) // 60 * 60
            walls = [(t, t + offset(t)) for t in range(first - 2 * 86400, first + 5 * 86400, 60)]
            due = plain_cron.Cron(expression).between(walls, first)[:500]
            got = [int(w) for w in ask([("cron", expression, name, first - 1, len(due) + 1)])[0].split()]
            self.assertEqual(due, [t for t in got[:len(due) + 1] if t < first + 5 * 86400][:len(due)], (expression, name, first))


class Sun(unittest.TestCase):
    def test_within_a_minute_of_another_formula(self):
        dice = random.Random(11)
        events = ["dawn", "sunrise", "noon", "sunset", "dusk", "midnight", "dawn_nautical", "dusk_astronomical"]
        asked, expected = [], []
        for i in range(600 if FULL else 60):
            event, longitude = dice.choice(events), round(dice.uniform(-180, 180), 3)
            latitude = round(dice.uniform(-60, 60) if i % 3 else dice.choice([-1, 1]) * dice.uniform(60, 90), 3)
            after = dice.randrange(BEGIN, END)
            when, narrow = plain_sun.next_event(event, latitude, longitude, after)
            # Where the sun only just reaches the altitude, a hundredth of a degree is minutes, or another day.
            if narrow > 0.05 and (event in ("noon", "midnight") or abs(latitude) < 89):
                asked.append(("solar", f"{event}:{latitude}:{longitude}", "UTC", after, 1))
                expected.append(when)
        self.assertGreater(len(asked), 30)
        for line, answer, when in zip(asked, ask(asked), expected):
            if when is None:
                self.assertEqual("", answer, line)
            else:
                self.assertTrue(answer.strip(), line)
                self.assertLessEqual(abs(int(answer) - when), 60, line)

    def test_polar_days_and_nights(self):
        june, december = 1782000000, 1797800000  # 2026
        north = [("solar", "sunset:78.2:15.6", "UTC", june, 1), ("solar", "sunrise:78.2:15.6", "UTC", december, 1)]
        sunset, sunrise = (int(answer) for answer in ask(north))
        self.assertGreater(sunset - june, 50 * 86400)  # Longyearbyen: the sun sets again in late August,
        self.assertGreater(sunrise - december, 50 * 86400)  # and rises again in the middle of February
        at_the_pole = ask([("solar", "dusk_astronomical:90:0", "UTC", june, 3), ("solar", "noon:90:0", "UTC", june, 1)])
        self.assertLessEqual(len(at_the_pole[0].split()), 1)
        self.assertEqual(1, len(at_the_pole[1].split()))


if __name__ == "__main__":
    unittest.main()
