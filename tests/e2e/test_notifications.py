"""Notifications on a real brain: channels, subscriptions, a mailbox and a webhook that hear of what happens, and what becomes of messages."""
import json
import os
import pathlib
import sys
import unittest

from brain import Brain, wait_until

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from mail_server import MailServer, text_of  # noqa: E402
from webhook_receiver import WebhookReceiver  # noqa: E402
from wire_agent import WireAgent, event  # noqa: E402

SECRET = "hush hush 42"
CHANNELS = "/api/v1/projects/default/notifications/channels"
MASK = "\u2022" * 8
CORPUS = json.loads((pathlib.Path(__file__).resolve().parent.parent / "console" / "corpus.json").read_text())


class NotificationsTest(unittest.TestCase):
    def brain(self, **environment):
        brain = Brain.with_admin("", **environment).start()
        self.addCleanup(brain.remove)
        return brain.sign_in()

    def agent(self, brain, name="web"):
        agent = WireAgent(brain.url, brain.mint(name))
        self.addCleanup(agent.close)
        agent.connect()
        return agent

    def fail(self, agent, *tasks, name="shop.charge"):
        events = []
        for task in tasks:
            events += [event("task.received", task, task_name=name, queue="money", args=[], kwargs={}),
                       event("task.failed", task, task_name=name, exception="ValueError: no money", traceback="...")]
        agent.acked(agent.send_events(*events))

    def made(self, brain, path, body, status=201):
        got, answer = brain.ask("POST", path, body)
        self.assertEqual(status, got, answer)
        return answer

    def hook(self, brain, receiver, **more):
        return self.made(brain, CHANNELS, {"name": "hook", "type": "webhook", "config": {"url": receiver.url, "hmac_secret": SECRET, **more}})

    def subscribe(self, brain, trigger, **more):
        """The administrator's own subscription, made anew; the brain knows of it."""
        project = brain.read("/api/v1/projects")[0]["id"]
        for old in brain.read("/api/v1/user/subscriptions?limit=500")["items"]:
            if old["trigger"] == trigger:
                self.assertEqual(204, brain.ask("DELETE", f"/api/v1/user/subscriptions/{old['id']}")[0])
        self.until_known(brain)
        made = self.made(brain, "/api/v1/user/subscriptions", {"project_id": project, "trigger": trigger, **more})
        self.until_known(brain)
        return made

    def until_known(self, brain, seconds=60):
        active = len(brain.read("/api/v1/user/subscriptions?limit=500")["items"])
        wait_until(lambda: self.metric(brain, "z4j_notifications_subscriptions") == active, seconds)

    def metric(self, brain, name):
        return sum(float(line.split()[-1]) for line in brain.get("/metrics")[1].splitlines() if line.startswith(name))

    def inbox(self, brain, trigger):
        return [n for n in brain.read("/api/v1/user/notifications?limit=200") if n["trigger"] == trigger]

    def deliveries(self, brain):
        return brain.project("/notifications/deliveries?limit=500")["items"]

    def test_a_failed_task_arrives_in_the_mailbox_and_at_the_webhook(self):
        with MailServer(greylist=1) as mail, WebhookReceiver(answers=[503]) as receiver:
            # One authority file for both.
            both = pathlib.Path(receiver.folder) / "both.pem"
            both.write_text(pathlib.Path(mail.certificate).read_text() + pathlib.Path(receiver.certificate).read_text())
            settings = {**mail.settings(), **receiver.settings(), "Z4J_SMTP_CA_FILE": str(both), "Z4J_NOTIFICATIONS_CA_FILE": str(both)}
            brain = self.brain(**settings)
            agent = self.agent(brain)
            hook = self.hook(brain, receiver)
            self.assertEqual(MASK, hook["config"]["hmac_secret"])
            post = self.made(brain, "/api/v1/user/channels", {"name": "post", "type": "email", "config": mail.channel(["ops@example.test"])})
            self.subscribe(brain, "task.failed", project_channel_ids=[hook["id"]], user_channel_ids=[post["id"]])
            self.fail(agent, "t-1")
            letter = mail.wait_for(lambda m: "shop.charge" in m["subject"], seconds=150)
            self.assertIn("ValueError: no money", text_of(letter))
            said = receiver.wait_for("task.failed", count=2, seconds=150)  # the first one was answered 503
            self.assertEqual(("t-1", "shop.charge", "money", "failure", "default"),
                             tuple(said[-1][name] for name in ("task_id", "task_name", "queue", "state", "project_slug")))
            self.assertTrue(receiver.is_signed(SECRET))
            ids = {headers["X-Z4J-Delivery"] for _, headers, _ in receiver.requests}
            self.assertEqual(1, len(ids))
            wait_until(lambda: len(self.deliveries(brain)) == 2)
            self.assertEqual({("webhook", "sent", 2), ("email", "sent", 2)},
                             {(d["channel_type"], d["status"], d["attempts"]) for d in self.deliveries(brain)})
            own = brain.read("/api/v1/user/deliveries?project_slug=default")["items"]
            self.assertEqual(2, len(own))
            self.assertEqual([], brain.read("/api/v1/user/deliveries?project_slug=nowhere")["items"])
            rung = self.inbox(brain, "task.failed")
            self.assertEqual(["Task failed: shop.charge"], [n["title"] for n in rung])
            self.assertEqual({"unread": 1}, brain.read("/api/v1/user/notifications/unread-count"))
            self.assertEqual(204, brain.ask("POST", f"/api/v1/user/notifications/{rung[0]['id']}/read")[0])
            self.assertEqual({"unread": 0}, brain.read("/api/v1/user/notifications/unread-count"))
            self.assertNotIn(SECRET, brain.log_text())
            status, cleared = brain.ask("DELETE", "/api/v1/projects/default/notifications/deliveries")
            self.assertEqual((200, {"deleted": 2}), (status, cleared))

    def test_a_cooldown_lets_one_through_and_counts_the_rest(self):
        with WebhookReceiver() as receiver:
            brain = self.brain(**receiver.settings())
            agent = self.agent(brain)
            hook = self.hook(brain, receiver)
            self.subscribe(brain, "task.failed", project_channel_ids=[hook["id"]], cooldown_seconds=600, in_app=False)
            self.fail(agent, *(f"t-{n}" for n in range(20)))
            receiver.wait_for("task.failed")
            wait_until(lambda: self.metric(brain, "z4j_notifications_cooldown_skipped_total") == 19)
            self.assertEqual(1, len(receiver.bodies("task.failed")))

    def test_hostile_text_is_only_text_in_mails_and_chats(self):
        """The half of the screens is tests/console/test_hostile_text.py, that of files test_api_document.py."""
        with MailServer() as mail, WebhookReceiver() as receiver:
            both = pathlib.Path(receiver.folder) / "both.pem"
            both.write_text(pathlib.Path(mail.certificate).read_text() + pathlib.Path(receiver.certificate).read_text())
            settings = {**mail.settings(), **receiver.settings(), "Z4J_SMTP_CA_FILE": str(both), "Z4J_NOTIFICATIONS_CA_FILE": str(both)}
            brain = Brain.with_admin('[plugin.webhooks]\nplugin = "notifier-webhook"\n[plugin.webhooks.settings]\n'
                                     'slack_hosts = ["localhost"]\ndiscord_hosts = ["localhost"]\nteams_hosts = ["localhost"]\n', **settings).start()
            self.addCleanup(brain.remove)
            brain.sign_in()
            agent = self.agent(brain)
            base = receiver.url.rsplit("/", 1)[0]
            kinds = {"slack": "/slack-hook", "discord": "/discord", "teams": "/teams"}
            channels = [self.hook(brain, receiver)["id"]] + [self.made(brain, CHANNELS, {"name": kind, "type": kind, "config": {"webhook_url": base + path}})["id"] for kind, path in kinds.items()]
            post = self.made(brain, "/api/v1/user/channels", {"name": "post", "type": "email", "config": mail.channel(["ops@example.test"])})
            triggers = ("task.failed", "task.retried")  # one subscription fires 60 times a minute at most
            for trigger in triggers:
                self.subscribe(brain, trigger, project_channel_ids=channels, user_channel_ids=[post["id"]])
            for number, text in enumerate(CORPUS):
                task = f"hostile-{number}"
                agent.acked(agent.send_events(event("task.received", task, task_name=text, queue=text, args=[], kwargs={}),
                                              event(triggers[number % 2], task, task_name=text, queue=text, exception=text, traceback=text)))
            wait_until(lambda: len(mail.mails) >= len(CORPUS) and len(receiver.requests) >= 4 * len(CORPUS), 240,
                       tell=lambda: (len(mail.mails), len(receiver.requests), [d for d in self.deliveries(brain) if d["status"] == "failed"][:3]))
            for letter in mail.mails:
                self.assertEqual({"Date", "From", "To", "Subject", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"}, set(letter.keys()) - {"X-Peer", "X-MailFrom", "X-RcptTo"})
                self.assertEqual((letter.get_content_type(), letter.is_multipart()), ("text/plain", False))
                self.assertNotRegex(str(letter["subject"]), r"[\x00-\x1f\x7f]")
                self.assertNotRegex(text_of(letter), r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x9b]")
            said = {path: [] for path in ("/hook", "/slack-hook", "/discord/slack", "/teams")}
            for path, _, body in receiver.requests:
                said[path].append(json.loads(body))
            self.assertEqual({len(CORPUS)}, {len(bodies) for bodies in said.values()})
            # A program gets data: the text as it is, in its member.
            names = {body["task_name"] for body in said["/hook"]}
            self.assertGreater(len(names & {text.strip() for text in CORPUS}), len(CORPUS) * 9 // 10)
            for body in said["/slack-hook"]:
                for text in [body["text"]] + [b["text"]["text"] for b in body["blocks"]]:
                    rest = text.replace("|Open in z4j>", "")
                    self.assertNotRegex(rest.replace("<" + brain.url, "").replace("<http", "", 1), r"[<>]")
            for body in said["/discord/slack"]:
                self.assertNotRegex(body["text"], r"@(everyone|here|SUM)|<[^\u200b]|(?<!\\)\]\(")
            for body in said["/teams"]:
                for block in body["attachments"][0]["content"]["body"][1:]:
                    self.assertNotRegex(block["text"], r"(?<!\\)[\[\]*`]")

    def test_an_agent_that_goes_is_told(self):
        with WebhookReceiver() as receiver:
            brain = self.brain(Z4J_AGENT_OFFLINE_TIMEOUT_SECONDS="10", **receiver.settings())
            hook = self.hook(brain, receiver)
            self.subscribe(brain, "agent.online")
            self.subscribe(brain, "agent.offline", project_channel_ids=[hook["id"]])
            agent = self.agent(brain)
            wait_until(lambda: self.inbox(brain, "agent.online"), seconds=60)
            agent.close()
            receiver.wait_for("agent.offline", seconds=120)
            self.assertEqual(["Agent offline: web"], [n["title"] for n in self.inbox(brain, "agent.offline")])

    def test_channels_are_tested_checked_and_copied(self):
        with WebhookReceiver(answers=[200, 500]) as receiver:
            brain = self.brain(**receiver.settings())
            hook = self.hook(brain, receiver)
            good = self.made(brain, f"{CHANNELS}/{hook['id']}/test", {}, status=200)
            self.assertEqual((True, 200), (good["success"], good["status_code"]))
            bad = self.made(brain, f"{CHANNELS}/test", {"type": "webhook", "config": {"url": receiver.url}}, status=200)
            self.assertEqual((False, 500), (bad["success"], bad["status_code"]))
            self.assertEqual(["failed", "sent"], [d["status"] for d in self.deliveries(brain) if d["trigger"] == "test.dispatch"])
            for config in ({"url": "https://169.254.169.254/"}, {"url": "https://10.0.0.1/"}, {"url": "http://example.com/"}, {"url": receiver.url, "headers": {"Host": "x"}}):
                status, refused = brain.ask("POST", CHANNELS, {"name": "x", "type": "webhook", "config": config})
                self.assertEqual((409, "conflict"), (status, refused["error"]), (config, refused))
                self.assertTrue(refused["message"].startswith("unsafe "), refused)
            self.assertEqual(422, brain.ask("POST", CHANNELS, {"name": "x", "type": "pigeon", "config": {}})[0])
            own = self.made(brain, "/api/v1/user/channels/import_from_project", {"project_slug": "default", "channel_id": hook["id"]})
            self.assertEqual("Copy of hook", own["name"])
            self.made(brain, "/api/v1/user/channels/import_from_project", {"project_slug": "default", "channel_id": hook["id"]}, status=409)
            self.assertTrue(self.made(brain, f"/api/v1/user/channels/{own['id']}/test", {}, status=200)["success"])
            status, changed = brain.ask("PATCH", f"{CHANNELS}/{hook['id']}", {"config": {"url": receiver.url + "/2"}})
            self.assertEqual(200, status, changed)
            self.assertNotIn("hmac_secret", changed["config"])
            for _ in range(2):
                self.assertEqual(204, brain.ask("DELETE", f"{CHANNELS}/{hook['id']}")[0])

    def test_a_type_whose_plugin_is_off_is_refused_by_naming_it(self):
        brain = Brain.with_admin('[plugin.mail]\nplugin = "notifier-smtp"\nenabled = false\n').start()
        self.addCleanup(brain.remove)
        brain.sign_in()
        status, refused = brain.ask("POST", CHANNELS, {"name": "x", "type": "email", "config": {}})
        self.assertEqual(409, status, refused)
        self.assertIn("notifier-smtp", refused["message"])

    @unittest.skipUnless(os.environ.get("Z4J_E2E_DATABASE") == "postgresql", "one brain alone opens a SQLite file")
    def test_two_brains_send_one_message(self):
        with WebhookReceiver() as receiver:
            brain = self.brain(**receiver.settings())
            other = Brain(like=brain, environment={**receiver.settings(), "Z4J_METRICS_PUBLIC": "true"}).start()
            self.addCleanup(other.remove)
            other.cookies = brain.cookies
            hook = self.hook(brain, receiver)
            self.subscribe(brain, "task.failed", project_channel_ids=[hook["id"]], cooldown_seconds=600)
            self.until_known(other)
            agents = [WireAgent(each.url, brain.mint(name)) for name, each in (("one", brain), ("two", other))]
            for agent in agents:
                self.addCleanup(agent.close)
                agent.connect()
            for n, agent in enumerate(agents):
                self.fail(agent, *(f"t-{n}-{i}" for i in range(5)))
            receiver.wait_for("task.failed")
            skipped = "z4j_notifications_cooldown_skipped_total"
            wait_until(lambda: self.metric(brain, skipped) + self.metric(other, skipped) == 9, seconds=60)
            self.assertEqual(1, len(receiver.bodies("task.failed")))
            self.assertEqual(1, len(self.inbox(brain, "task.failed")))

    def test_the_first_administrator_hears_of_failed_tasks(self):
        brain = self.brain()
        self.assertEqual(["task.failed"], [s["trigger"] for s in brain.read("/api/v1/user/subscriptions")["items"]])
        self.assertEqual(["task.failed"], [d["trigger"] for d in brain.project("/notifications/defaults")])
        self.fail(self.agent(brain), "t-1")
        wait_until(lambda: self.inbox(brain, "task.failed"), seconds=60)


if __name__ == "__main__":
    unittest.main()
