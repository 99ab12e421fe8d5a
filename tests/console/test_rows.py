"""Upstream's troubleshooting page on screen: each row that tells people to look at something. The API's halves: tests/e2e/test_troubleshooting.py."""
import contextlib
import pathlib
import sqlite3
import unittest

from browser import browse, session
from stage import Agent, Stage


class RowStage(Stage):
    def connect(self, env):
        """An agent that has nothing but the block of variables that was copied."""
        given = dict(line.split("=", 1) for line in env.strip().splitlines())
        self.agents[given["Z4J_AGENT_NAME"]] = Agent(given["Z4J_BRAIN_URL"].replace("ws", "http", 1), {"token": given["Z4J_TOKEN"], "hmac_secret": given["Z4J_HMAC_SECRET"]}, given["Z4J_AGENT_NAME"])

    def logged(self, request_id):
        """The lines of the brain's log under that id."""
        return [line for line in self.brain.log_text().splitlines() if request_id in line]

    def tamper(self):
        """What somebody with the database does to an entry, past its guards."""
        entry = next(item for item in self.brain.project("/audit?limit=100")["items"] if item["action"].startswith("agent."))
        with contextlib.closing(sqlite3.connect(pathlib.Path(self.brain.home) / "brain.sqlite", timeout=30)) as rows:
            guard, text = rows.execute("SELECT name,sql FROM sqlite_schema WHERE type='trigger' AND tbl_name='audit_log' AND sql LIKE '%UPDATE%'").fetchone()
            rows.execute(f'DROP TRIGGER "{guard}"')
            changed = rows.execute("UPDATE audit_log SET canonical=replace(canonical,'success','denied') WHERE seq=?", (entry["seq"],)).rowcount
            rows.execute(text)
            rows.commit()
        assert changed == 1, entry
        return {"seq": entry["seq"], "id": entry["id"]}


class RowsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = RowStage()
        cls.addClassCleanup(cls.stage.remove)

    def row(self, name):
        browse("rows", name, stage=self.stage, **session(self.stage.brain))

    def test_row_04_token_shown_once(self):
        self.row("row_04_token_shown_once")

    def test_row_08_who_is_online_and_when_it_last_reported(self):
        self.row("row_08_who_is_online_and_when_it_last_reported")

    def test_row_09_the_drawer_lists_engines(self):
        self.row("row_09_the_drawer_lists_engines")

    def test_row_13_the_drawer_lists_task_names(self):
        self.row("row_13_the_drawer_lists_task_names")

    def test_row_14_the_banner_names_agents_and_both_versions(self):
        self.row("row_14_the_banner_names_agents_and_both_versions")

    def test_row_17_a_tampered_entry_is_seen(self):
        stage = RowStage()  # its log is broken for good
        self.addCleanup(stage.remove)
        stage.brain.mint("row-17")
        browse("rows", "row_17_a_tampered_entry_is_seen", stage=stage, **session(stage.brain))

    def test_row_26_a_read_only_schedule_leads_to_the_overview(self):
        self.row("row_26_a_read_only_schedule_leads_to_the_overview")

    def test_row_35_wait_for_it_or_choose_another_agent(self):
        self.row("row_35_wait_for_it_or_choose_another_agent")

    def test_row_36_a_refusal_shows_its_request_id(self):
        self.row("row_36_a_refusal_shows_its_request_id")


if __name__ == "__main__":
    unittest.main()
