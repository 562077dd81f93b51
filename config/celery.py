"""The Celery application: workers that do what the rows in the database say is due."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("passalong")
app.Task.Request = "config.doorbells:Doorbell"
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
