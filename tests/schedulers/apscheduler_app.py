"""An application with an APScheduler of its own. Words: redis PORT | sql URL, and the file that its jobs write to."""
import datetime
import sys

from apscheduler.schedulers.blocking import BlockingScheduler

STARTED = "started"


def write(path, word):
    with open(path, "a", encoding="utf-8") as f:
        f.write(word + "\n")


def main(kind, where, path):
    scheduler = BlockingScheduler(timezone="Europe/Berlin")
    if kind == "redis":
        scheduler.add_jobstore("redis", port=int(where))
    else:
        scheduler.add_jobstore("sqlalchemy", url=where)
    far = datetime.datetime(2040, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    scheduler.add_job(write, "interval", id="fast", seconds=1, args=[path, "fast"], replace_existing=True)
    scheduler.add_job(write, "interval", id="other", seconds=1, kwargs={"path": path, "word": "other"}, replace_existing=True, executor="default", jitter=None)
    scheduler.add_job(write, "cron", id="nightly", name="reports", hour="3", minute="*/5", day_of_week="mon-fri,sun", month="1-6/2", args=[path, "nightly"], replace_existing=True)
    scheduler.add_job(write, "cron", id="last", day="last", args=[path, "last"], replace_existing=True)
    scheduler.add_job(write, "date", id="once", run_date=far, args=[path, "once"], replace_existing=True)
    scheduler.add_job(write, "interval", id="object", hours=1, args=[path, datetime.timedelta(1)], replace_existing=True)
    scheduler.add_job(write, "interval", id="paused", minutes=1, args=[path, "paused"], replace_existing=True, next_run_time=None)
    write(path, STARTED)
    scheduler.start()


if __name__ == "__main__":
    main(*sys.argv[1:])
