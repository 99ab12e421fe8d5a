"""A Django project as small as one can be; z4j_django stands last, after the applications with Celery tasks."""
import os

SECRET_KEY = "for this test only"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "shop.urls"
USE_TZ = True
TIME_ZONE = "UTC"
INSTALLED_APPS = ["orders", "z4j_django"]

CELERY_BROKER_URL = os.environ["FLEET_BROKER"]
CELERY_RESULT_BACKEND = os.environ["FLEET_BROKER"]
CELERY_RESULT_EXTENDED = True
