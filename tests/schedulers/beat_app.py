"""The application whose beat is tested. Its environment says which store it has."""
import os

if os.environ.get("DJANGO_SETTINGS_MODULE"):
    import django

    django.setup()

from celery import Celery
from celery.schedules import crontab, solar

app = Celery("shop", broker=os.environ["Z4J_BROKER"])
app.conf.update(timezone=os.environ.get("Z4J_BEAT_TIMEZONE", "UTC"), enable_utc=True, redbeat_redis_url=os.environ["Z4J_BROKER"], result_expires=None,
                task_create_missing_queues=True)
if os.environ.get("Z4J_STATIC"):
    app.conf.beat_schedule = {
        "static-fast": {"task": "shop.static_fast", "schedule": 1.0, "args": (1, "two"), "kwargs": {"y": 3}, "options": {"queue": "low", "expires": 30}},
        "static-nightly": {"task": "shop.static_nightly", "schedule": crontab(hour=3, minute="*/5", day_of_week="mon-fri")},
    }
    if os.environ["Z4J_STATIC"] == "solar":
        app.conf.beat_schedule["static-sun"] = {"task": "shop.static_sun", "schedule": solar("sunset", 51.5, -0.1)}
