"""A process of one's own with one agent for Celery and RQ: it works on nothing, and can be asked for both."""
import os
import signal

import redis
import rq
from z4j_bare import install_agent
from z4j_celery import CeleryEngineAdapter
from z4j_rq import RqEngineAdapter

from celery_app import app


class RqApp:
    """What the adapter wants of an RQ application."""

    def __init__(self):
        self.connection = redis.Redis.from_url(os.environ["Z4J_RQ_REDIS_URL"])
        self.queues = [rq.Queue(name, connection=self.connection) for name in ("high", "default", "low")]


if __name__ == "__main__":
    install_agent(engines=[CeleryEngineAdapter(celery_app=app), RqEngineAdapter(rq_app=RqApp())], agent_id=os.environ.get("Z4J_AGENT_ID"))
    print("ready", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
