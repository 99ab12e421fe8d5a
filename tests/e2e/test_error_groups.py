"""Failures of real workers fall into groups, a group is retried as one, and figures say what ran."""
import pathlib
import unittest

from brain import Brain, wait_until
from demo_fleet import DemoFleet


class ErrorGroupsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = DemoFleet(0)
        cls.addClassCleanup(cls.fleet.remove)
        cls.brain = Brain.with_admin(cls.fleet.brain_config()).start()
        cls.addClassCleanup(cls.brain.remove)
        cls.brain.sign_in()
        wait_until(lambda: {a["name"]: a["state"] for a in cls.brain.project("/agents")} == {"local:celery": "online", "local:rq": "online"}, 60)

    def groups(self, **asked):
        return self.brain.all_of("/errors?limit=200" + "".join(f"&{key}={value}" for key, value in asked.items()))

    def ended(self, engine, ids, state="failure"):
        wait_until(lambda: all((task := self.brain.task(engine, at)) and task["state"] == state for at in ids), 60, every=0.5)

    def test_failures_of_celery_and_rq_are_two_groups_and_one_is_retried(self):
        flag = pathlib.Path(self.fleet.folder, "groups-bank-open")
        bank = [self.fleet.send("celery", "shop.charge_when_open", str(flag), order) for order in range(5)]
        cards = [self.fleet.send("celery", "shop.charge_card", order, order * 7) for order in range(3)]
        feeds = [self.fleet.send("rq", "rq_jobs.fetch", f"https://shop{n}.example/feed") for n in range(4)]
        self.ended("celery", bank + cards)
        self.ended("rq", feeds)
        prints = {name: {self.brain.task(engine, at)["fingerprint"] for at in ids} for name, engine, ids in (("bank", "celery", bank), ("cards", "celery", cards), ("feeds", "rq", feeds))}
        self.assertEqual({name: len(found) for name, found in prints.items()}, {"bank": 1, "cards": 1, "feeds": 1}, prints)
        prints = {name: found.pop() for name, found in prints.items()}
        self.assertEqual(len(set(prints.values())), 3)
        groups = {group["fingerprint"]: group for group in self.groups(hours=24, order="last_seen")}
        self.assertEqual(set(groups), set(prints.values()))
        told = groups[prints["cards"]]
        self.assertEqual((told["exception"], told["count"], told["is_new"], sum(told["series"])), ("ValueError", 3, True, 3), told)
        self.assertIn("card declined", told["message"])
        self.assertIn(told["sample"]["task_id"], cards)
        self.assertEqual((groups[prints["feeds"]]["exception"], groups[prints["feeds"]]["count"]), ("ConnectionError", 4))
        self.assertEqual({group["fingerprint"] for group in self.groups(q="declined")}, {prints["cards"]})

        detail = self.brain.project(f"/errors/{prints['bank']}?hours=24&buckets=24")
        self.assertEqual((detail["open_failures"], detail["open_failures_capped"]), (5, False), detail)
        self.assertIn("charge_when_open", detail["traceback"])
        self.assertEqual({task["task_id"] for task in self.brain.all_of(f"/tasks?limit=100&fingerprint={prints['bank']}")}, set(bank))
        flag.touch()
        selection = self.brain.select(action="retry", filter={"fingerprint": prints["bank"], "state": "failure"})
        self.assertEqual(selection["total"], 5)
        job = self.brain.finish(self.brain.bulk_post("/bulk-jobs", {"selection_id": selection["id"]}))
        self.assertEqual(job["done"] + job["sent"], 5, job)
        again = [item["new_task_id"] for item in self.brain.bulk_items(job)]
        self.ended("celery", again, "success")
        self.assertEqual(self.brain.project(f"/tasks:facets?fingerprint={prints['cards']}")["by_state"]["failure"], 3)

        figures = wait_until(lambda: (f := self.brain.project("/task-figures?name=shop.charge_when_open&hours=1"))["succeeded"] == 5 and f, 30)
        self.assertEqual((figures["engine"], figures["failed"], figures["before"]["failed"]), ("celery", 5, 0), figures)
        self.assertEqual(sum(point["succeeded"] + point["failed"] for point in figures["series"]), 10)
        self.assertEqual(sum(bucket["count"] for bucket in figures["histogram"]), 5)  # what fails tells no run time
        self.assertGreater(figures["wait_ms"]["sampled"], 0)
        names = {one["name"]: one for one in self.brain.all_of("/task-names?hours=1&limit=100&order=failures")}
        self.assertEqual((names["shop.charge_card"]["failed"], names["rq_jobs.fetch"]["failed"]), (3, 4), names)
        facets = self.brain.project("/tasks:facets?buckets=10&top=10")
        self.assertEqual((facets["approximate"], facets["searched_until"]), (False, None))
        self.assertEqual(facets["total"], sum(queue["count"] for queue in facets["by_queue"]))
        self.assertEqual(facets["total"], sum(count for point in facets["series"] for count in point["counts"].values()))
        self.assertGreaterEqual(facets["by_state"]["failure"], 7)


if __name__ == "__main__":
    unittest.main()
