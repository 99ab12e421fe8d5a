"""The Django of the application whose beat is tested."""
import json
import os

SECRET_KEY = "for tests only"
USE_TZ = os.environ.get("Z4J_USE_TZ", "1") == "1"
TIME_ZONE = os.environ.get("Z4J_DJANGO_ZONE", "UTC")
DJANGO_CELERY_BEAT_TZ_AWARE = USE_TZ
INSTALLED_APPS = ["django_celery_beat"]
DATABASES = {"default": json.loads(os.environ["Z4J_DJANGO_DATABASE"])}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
