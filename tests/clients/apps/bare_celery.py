"""A Celery application with the agent inside: importing z4j_celery is all that a worker needs."""
import z4j_celery  # noqa: F401  it connects to Celery's worker signals

from celery_app import app  # noqa: F401
