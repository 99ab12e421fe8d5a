"""Acting on many tasks of real workers: what was shown is what is done, also when the brain is killed half-way; purges that can be undone."""
import collections
import csv
import io
import os
import pathlib
import unittest

from brain import Brain, wait_until
from demo_fleet import DemoFleet

MANY = int(os.environ.get("Z4J_TEST_BULK_ITEMS", "1200"))
PATIENCE = 120 + MANY // 50


class BulkTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = DemoFleet(0)
        cls.addClassCleanup(cls.fleet.remove)
        config = cls.fleet.brain_config() + "[bulk]\nmax_items = 200000\n"
        cls.brain = Brain.with_admin(config).start()
        cls.addClassCleanup(cls.brain.remove)
        cls.brain.sign_in()
        wait_until(lambda: {a["name"]: a["state"] for a in cls.brain.project("/agents")} == {"local:celery": "online", "local:rq": "online"}, 60)

    def post(self, path, body=None, wanted=(200, 201, 202)):
        status, answer = self.brain.ask("POST", f"/api/v1/projects/default{path}", body or {})
        self.assertIn(status, wanted, answer)
        return answer

    def failing(self, engine, count, name):
        """Tasks that fail until a file is there: their ids, and the file."""
        flag = pathlib.Path(self.fleet.folder, name)
        task = "shop.charge_when_open" if engine == "celery" else "rq_jobs.fetch_when_open"
        second = 42 if engine == "celery" else "https://shop.example"
        ids = self.fleet.send(engine, task, str(flag), second, count=count)
        return ids, flag

    def failed(self, engine, ids, seconds=60):
        wanted = set(ids)
        # The whole list is read once it may be there: of a hundred thousand it is long.
        wait_until(lambda: (self.brain.task(engine, ids[-1]) or {}).get("state") == "failure", seconds, every=0.5)

        def all_failed():
            seen = {t["task_id"] for t in self.brain.all_of(f"/tasks?limit=500&state=failure&engine={engine}")}
            return wanted <= seen

        wait_until(all_failed, seconds, every=0.5)

    def worked_off(self, job):
        now = self.brain.project(f"/bulk-jobs/{job['id']}")
        return now["done"] + now["sent"]

    def runs(self):
        return collections.Counter(at for word, _, _, at, _ in self.fleet.log() if word == "RUN")

    def test_what_was_shown_is_what_is_done_and_what_changed_is_told(self):
        ids, flag = self.failing("celery", 20, "bulk-bank-open")
        jobs, door = self.failing("rq", 10, "bulk-feed-open")
        self.failed("celery", ids)
        self.failed("rq", jobs)
        selection = self.brain.select(action="retry", task_ids=ids + jobs)
        self.assertEqual(selection["total"], 30)
        self.assertEqual({e["engine"]: e["count"] for e in selection["summary"]["by_engine"]}, {"celery": 20, "rq": 10})
        flag.touch()
        door.touch()
        changed = jobs[:2]
        for job in changed:  # somebody else is quicker
            self.assertEqual(self.brain.command("retry-task", engine="rq", task_id=job)["status"], "completed")
        wait_until(lambda: all(self.brain.task("rq", job)["state"] == "success" for job in changed), 60)
        before = self.runs()
        job = self.brain.finish(self.brain.bulk_post("/bulk-jobs", {"selection_id": selection["id"], "idempotency_key": "once"}))
        self.assertEqual((job["changed"], job["done"] + job["sent"], job["unknown"], job["refused"]), (2, 28, 0, 0), job)
        self.assertEqual(self.brain.bulk_post("/bulk-jobs", {"selection_id": selection["id"], "idempotency_key": "once"})["id"], job["id"])
        self.assertEqual(self.brain.bulk_post("/bulk-jobs", {"selection_id": selection["id"]}, 409)["details"]["reason"], "selection_used")
        items = self.brain.bulk_items(job)
        self.assertEqual({i["task_id"] for i in items if i["outcome"] == "changed"}, set(changed))
        again = {i["task_id"]: i["new_task_id"] for i in items if i["new_task_id"]}
        self.assertEqual(set(again), set(ids + jobs) - set(changed))
        wait_until(lambda: all((self.runs() - before)[new] == 1 for new in again.values()), 60, tell=lambda: self.runs() - before)
        for old in ids:
            wait_until(lambda o=old: self.brain.task("celery", again[o])["state"] == "success", 30)
            self.assertEqual(self.brain.task("celery", again[old])["retry_of"], old)
        status, text = self.brain.ask("GET", f"/api/v1/projects/default/bulk-jobs/{job['id']}/report?format=csv")
        self.assertEqual(status, 200)
        self.assertEqual(len(list(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))), 30)

    def test_a_brain_that_is_killed_half_way_goes_on_and_sends_nothing_twice(self):
        ids, flag = self.failing("celery", MANY, "bulk-kill-open")
        self.failed("celery", ids, PATIENCE)
        flag.touch()
        selection = self.brain.select(action="retry", filter={"state": "failure", "engine": "celery", "name": "charge_when_open"})
        self.assertEqual(selection["total"], MANY)
        before = self.runs()
        job = self.brain.bulk_post("/bulk-jobs", {"selection_id": selection["id"], "rate_per_second": max(200, MANY // 10)})
        wait_until(lambda: MANY > self.worked_off(job) > 0, 60, every=0.05)
        self.brain.kill()
        self.brain.start()
        job = self.brain.finish(job, PATIENCE)
        self.assertEqual(job["done"] + job["sent"] + job["unknown"], MANY, job)
        self.assertEqual(job["left"], 0)
        items = self.brain.bulk_items(job)
        self.assertEqual({i["task_id"] for i in items}, set(ids))
        sent = [i["new_task_id"] for i in items if i["outcome"] in ("done", "sent")]
        self.assertEqual(len(set(sent)), len(sent))

        def all_ran():
            ran = self.runs() - before
            return all(ran[new] == 1 for new in sent)

        wait_until(all_ran, PATIENCE, every=1)
        ran = self.runs() - before
        self.assertLessEqual(len(ran), MANY)
        self.assertEqual(set(ran.values()), {1})

    def test_a_job_is_paused_resumed_and_cancelled(self):
        ids, flag = self.failing("celery", 40, "bulk-pause-open")
        self.failed("celery", ids)
        flag.touch()
        selection = self.brain.select(action="retry", task_ids=ids)
        job = self.brain.bulk_post("/bulk-jobs", {"selection_id": selection["id"], "rate_per_second": 4})
        path = f"/bulk-jobs/{job['id']}"
        self.assertEqual(self.post(path + "/pause")["state"], "paused")
        self.assertEqual(self.post(path + "/pause", wanted=[409])["details"]["reason"], "not_running")
        self.assertIn(self.post(path + "/resume")["state"], ("waiting", "running"))  # its runner may be at it already
        wait_until(lambda: self.worked_off(job) > 0, 30)
        self.post(path + "/cancel")
        wait_until(lambda: self.brain.project(path)["finished_at"], 30)
        job = self.brain.project(path)
        self.assertEqual(job["state"], "cancelled")
        self.assertGreater(job["left"], 0)
        self.assertEqual(len(self.brain.all_of(path + "/items?limit=500&outcome=waiting")), job["left"])

    def test_dead_letters_are_requeued_and_what_is_gone_is_told(self):
        jobs, door = self.failing("rq", 8, "bulk-dead-open")
        self.failed("rq", jobs)
        selection = self.brain.select(action="requeue", task_ids=jobs)
        self.assertEqual((selection["total"], selection["summary"]["by_engine"]), (8, [{"engine": "rq", "count": 8}]))
        gone, again = jobs[0], jobs[1:]
        self.assertEqual(self.brain.command("delete-task", engine="rq", task_id=gone)["status"], "completed")
        door.touch()
        before = self.runs()
        job = self.brain.finish(self.brain.bulk_post("/bulk-jobs", {"selection_id": selection["id"]}))
        self.assertEqual((job["done"], job["refused"], job["unknown"], job["changed"]), (7, 1, 0, 0), job)
        self.assertEqual([(i["task_id"], i["reason"]) for i in self.brain.bulk_items(job) if i["outcome"] == "refused"], [(gone, "RQ has no such job")])
        wait_until(lambda: all(self.fleet.ends(at)[-1:] == ["success"] for at in again), 60, tell=self.fleet.log)
        wait_until(lambda: all(self.brain.task("rq", at)["state"] == "success" for at in again), 60)
        ran = self.runs() - before
        self.assertEqual({at: ran[at] for at in jobs}, {gone: 0, **dict.fromkeys(again, 1)})
        self.assertFalse({i["task_id"] for i in self.brain.project("/queues/rq/default/dead-letters")["items"]} & set(jobs))

    def test_jobs_that_are_over_are_forgotten_by_their_engine(self):
        jobs = [self.fleet.send("rq", "rq_jobs.resize", f"bulk-{n}.png", 1) for n in range(6)]
        kept = self.fleet.send("celery", "shop.add", 1, 2)
        for engine, ids in (("rq", jobs), ("celery", [kept])):
            wait_until(lambda e=engine, all_of=ids: all((self.brain.task(e, at) or {}).get("state") == "success" for at in all_of), 60)
        selection = self.brain.select(action="delete", task_ids=[*jobs, kept])
        self.assertEqual(selection["total"], 6, selection)
        left_out = [(i["task_id"], i["exclusion"]) for i in self.brain.project(f"/selections/{selection['id']}/items?outcome=excluded")["items"]]
        self.assertEqual(left_out, [(kept, 'engine "celery" can\'t do this')])
        gone, rest = jobs[0], jobs[1:]
        self.assertEqual(self.brain.command("delete-task", engine="rq", task_id=gone)["status"], "completed")
        job = self.brain.finish(self.brain.bulk_post("/bulk-jobs", {"selection_id": selection["id"]}))
        self.assertEqual((job["done"], job["refused"], job["unknown"], job["changed"]), (5, 1, 0, 0), job)
        self.assertEqual({i["task_id"] for i in self.brain.bulk_items(job) if i["outcome"] == "done"}, set(rest))
        self.assertEqual([self.fleet.redis(1, "EXISTS", f"rq:job:{at}") for at in jobs], ["0"] * 6)
        # What the engine forgot is history here.
        self.assertEqual({self.brain.task("rq", at)["state"] for at in jobs}, {"success"})

    def test_a_purge_says_what_it_took_and_can_be_undone(self):
        for engine, database, key, name in (("celery", 0, "bulk-night", "shop.add"), ("rq", 1, "rq:queue:bulk-night", "rq_jobs.resize")):
            with self.subTest(engine):
                args = (1, 2) if engine == "celery" else ("n.png", 1)
                self.fleet.send(engine, name, *args, queue="bulk-night", count=30)
                before = self.fleet.redis(database, "LRANGE", key, "0", "0"), self.fleet.redis(database, "LLEN", key)
                self.assertEqual(before[1], "30")
                purge = self.brain.command("purge-queue", engine=engine, queue="bulk-night", force=True)
                self.assertEqual(purge["status"], "completed", purge)
                self.assertEqual(purge["result"]["removed"], 30, purge)
                self.assertIn("not_removed", purge["result"])
                self.assertEqual(self.fleet.redis(database, "LLEN", key), "0")
                copy = self.brain.project(f"/queue-copies/{purge['result']['copy_id']}")
                self.assertEqual((copy["state"], copy["messages"]), ("kept", 30), copy)
                self.post(f"/queue-copies/{copy['id']}/restore")
                wait_until(lambda c=copy: self.brain.project(f"/queue-copies/{c['id']}")["state"] == "restored", 60,
                           tell=lambda c=copy: self.brain.project(f"/queue-copies/{c['id']}"))
                self.assertEqual(self.fleet.redis(database, "LLEN", key), "30")
                self.post(f"/queue-copies/{copy['id']}/restore", wanted=[409])
                self.assertEqual(self.brain.ask("DELETE", f"/api/v1/projects/default/queue-copies/{copy['id']}")[0], 204)


if __name__ == "__main__":
    unittest.main()
