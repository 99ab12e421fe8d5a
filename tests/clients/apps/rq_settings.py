"""Settings of an RQ worker (rq worker -c rq_settings) with the agent inside."""
import os

from z4j_rq import register_worker_bootstrap

REDIS_URL = os.environ["Z4J_RQ_REDIS_URL"]
register_worker_bootstrap()
