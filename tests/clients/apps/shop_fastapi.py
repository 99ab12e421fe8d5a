"""A FastAPI application with the agent inside its lifespan; celery -A shop_fastapi:celery_app worker is its worker."""
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from z4j_fastapi import z4j_lifespan

from shop_tasks import celery_app, confirm, refuse

app = FastAPI(lifespan=z4j_lifespan(celery_app=celery_app))


@app.get("/order/{number}", response_class=PlainTextResponse)
def order(number: int):
    return confirm.delay(number).id


@app.get("/bad-order/{number}", response_class=PlainTextResponse)
def bad_order(number: int):
    return refuse.delay(number).id
