"""What `rq cron` of the test runs."""
from rq import cron

import rq_jobs

cron.register(rq_jobs.note, queue_name="default", args=("by interval",), kwargs={"y": 2}, interval=2)
cron.register(rq_jobs.note, queue_name="low", args=("by cron",), cron="0 3 * * 1-5")
cron.register(rq_jobs.note, queue_name="low", args=(object(),), interval=3600)
