"""When schedules will run, what comes together, and what became of it: over the API and the command line, with the scheduler that really fires."""
import datetime
import json
import pathlib
import unittest

from brain import Brain, wait_until

SCHEDULES = "/api/v1/projects/default/schedules"


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


class Simulation(unittest.TestCase):
    def setUp(self):
        self.brain = Brain.with_admin()
        self.addCleanup(self.brain.remove)
        self.brain.start().sign_in()

    def create(self, name, **members):
        status, made = self.brain.ask("POST", SCHEDULES, {"name": name, "engine": "celery", "task_name": "app." + name, "kind": "cron",
                                                          "timezone": "UTC", **members})
        self.assertEqual(status, 201, made)
        return made

    def simulate(self, **members):
        status, told = self.brain.ask("POST", SCHEDULES + ":simulate", members)
        self.assertEqual(status, 200, told)
        return told

    def preview(self, schedule, query):
        return self.brain.project(f"/schedules/{schedule['id']}/preview?{query}")["times"]

    def test_both_changes_of_clocks(self):
        daily = self.create("daily", expression="30 2 * * *", timezone="Europe/Berlin")
        self.assertEqual(self.preview(daily, "count=3&from=2026-03-28T00:00:00Z"),
                         ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"])
        self.assertEqual(self.preview(daily, "count=2&from=2026-10-25T00:00:00Z"), ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"])
        often = self.create("often", expression="*/30 * * * *", timezone="Europe/Berlin")
        self.assertEqual(len(self.preview(often, "count=1000&from=2026-10-24T22:00:00Z")), 1000)
        status, told = self.brain.ask("GET", f"{SCHEDULES}/{daily['id']}/preview?count=0")
        self.assertEqual(status, 422, told)

    def test_a_window_with_collisions_and_what_ifs(self):
        first = self.create("first", expression="0 */2 * * *")
        self.create("second", expression="0,30 * * * *")
        off = self.create("off", expression="* * * * *", is_enabled=False)
        day = {"from": "2026-12-01T00:00:00Z", "until": "2026-12-02T00:00:00Z"}
        told = self.simulate(**day)
        self.assertEqual({s["name"]: s["fires"] for s in told["schedules"]}, {"first": 12, "second": 48})
        self.assertEqual(told["fires_count"], 60)
        self.assertEqual(len(told["same_instant"]), 12)
        self.assertEqual([told["schedules"][f["schedule"]]["name"] for f in told["fires"][:3]], ["second", "second", "second"])
        self.assertEqual(told["load"][0]["without_runtime"], 60)
        moved = self.simulate(**day, what_if=[{"schedule_id": first["id"], "expression": "15 */2 * * *"},
                                              {"name": "new", "engine": "celery", "task_name": "t", "kind": "interval", "expression": "1d"}])
        self.assertEqual({s["name"]: (s["fires"], s["is_changed"]) for s in moved["schedules"]},
                         {"first": (12, True), "second": (48, False), "new": (1, True)})
        self.assertEqual(self.brain.project(f"/schedules/{first['id']}")["expression"], "0 */2 * * *")
        self.assertEqual(self.simulate(**day, with_disabled=True)["fires_count"], 60 + 1440)
        self.assertEqual(self.simulate(**day, schedule_ids=[off["id"]], most=7)["fires_count"], 1440)
        broken = self.simulate(**day, what_if=[{"schedule_id": first["id"], "expression": "61 * * * *"}])
        self.assertIn("0 to 59", next(s for s in broken["schedules"] if s["name"] == "first")["why_not"])
        for bad in ({"until": day["from"], "from": day["until"]}, {"what_if": ["x"]}, {"bucket_seconds": 1}, {"no_such": 1},
                    {"from": "2026-01-01T00:00:00Z", "until": "2030-01-01T00:00:00Z"}):
            self.assertEqual(self.brain.ask("POST", SCHEDULES + ":simulate", bad)[0], 422, bad)

    def test_what_was_fired_is_compared_also_after_a_crash(self):
        ticks = self.create("ticks", kind="interval", expression="1", catch_up="fire_all_missed")

        def fires():
            return self.brain.project(f"/schedules/{ticks['id']}/fires?limit=1000")

        wait_until(lambda: len(fires()) >= 5, 60)
        self.brain.kill()
        self.brain.start().sign_in()
        before = len(fires())
        wait_until(lambda: len(fires()) >= before + 10, 60)
        all_fires = fires()
        due = sorted(f["scheduled_for"] for f in all_fires)
        self.assertEqual(len(due), len(set(due)))
        self.assertEqual([], [f for f in all_fires if moment(f["fired_at"]) < moment(f["scheduled_for"])])
        told = self.simulate(**{"from": due[0], "until": due[-1], "against_fires": True, "schedule_ids": [ticks["id"]]})
        compared = told["comparisons"][0]
        self.assertEqual((compared["missed"], compared["unexpected"]), ([], 0), compared)
        self.assertEqual(compared["expected"], len(due) - 1)  # the window begins behind the first

    def test_the_command_line_tells_the_same(self):
        first = self.create("first", expression="0 6 * * *", timezone="Europe/Berlin")
        day = {"from": "2026-12-01T00:00:00Z", "until": "2026-12-03T00:00:00Z"}
        told = self.simulate(**day)
        self.brain.stop()
        what_if = pathlib.Path(self.brain.home) / "what-if.json"
        what_if.write_text(json.dumps([{"schedule_id": first["id"], "expression": "0 6,18 * * *"}]))
        words = ["schedules", "simulate", "--from", day["from"], "--until", day["until"]]
        done = self.brain.run(*words, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout), told)
        done = self.brain.run(*words, "--what-if", str(what_if), "--against-fires")
        self.assertEqual(done.returncode, 0, done.stderr)
        for expected in ("1 schedules, 4 fires", "2026-12-01T05:00:00Z  first", "2026-12-01T17:00:00Z  first", "load of celery"):
            self.assertIn(expected, done.stdout)
        self.assertEqual(self.brain.run("schedules", "simulate", "--project", "nope").returncode, 1)
        self.assertEqual(self.brain.run(*words, "--what-if", "/no/such/file").returncode, 1)


if __name__ == "__main__":
    unittest.main()
