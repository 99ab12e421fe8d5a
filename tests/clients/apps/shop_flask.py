"""A Flask application with the agent inside: the extension is initialised in the application factory.

The worker finds the Celery application here too: celery -A shop_flask:celery_app worker
"""
from flask import Flask
from z4j_flask import Z4J

from shop_tasks import celery_app, confirm, refuse

z4j = Z4J()


def create_app():
    app = Flask(__name__)
    app.config["CELERY_APP"] = celery_app
    z4j.init_app(app)

    @app.get("/order/<int:number>")
    def order(number):
        return confirm.delay(number).id

    @app.get("/bad-order/<int:number>")
    def bad_order(number):
        return refuse.delay(number).id

    return app
