"""The Celery application of the Flask and FastAPI shops."""
import os

from celery import Celery

celery_app = Celery("shop", broker=os.environ["FLEET_BROKER"], backend=os.environ["FLEET_BROKER"])
celery_app.conf.result_extended = True


@celery_app.task(name="orders.tasks.confirm")
def confirm(number):
    return {"order": number}


@celery_app.task(name="orders.tasks.refuse")
def refuse(number):
    raise ValueError(f"order {number} is refused")
