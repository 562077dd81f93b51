"""Settings, all from the environment; `.env.example` names each variable with its default."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from config import connections, env, logs

BASE_DIR = Path(__file__).resolve().parent.parent
env.load_env_file(BASE_DIR / ".env")

# Places

DATA_DIR = Path(env.text("DATA_DIR", str(BASE_DIR / "data"))).resolve()
BLOBS_DIR = DATA_DIR / "blobs"
INCOMING_DIR = DATA_DIR / "incoming"
STATIC_ROOT = DATA_DIR / "static"
for _folder in (DATA_DIR, BLOBS_DIR, INCOMING_DIR, STATIC_ROOT):
    _folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # nobody else on this machine looks in

# Address

HOST = env.text("HOST", "127.0.0.1")
PORT = env.number("PORT", 8000, least=1, most=65_535)
PUBLIC_BASE_URL = env.origin("PUBLIC_BASE_URL", f"http://127.0.0.1:{PORT}")
_public = urlsplit(PUBLIC_BASE_URL)
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
_is_local_name = _public.hostname in LOOPBACK_HOSTS
_is_loopback = _is_local_name and HOST in LOOPBACK_HOSTS  # nobody comes in from elsewhere
IS_HTTPS = _public.scheme == "https"
ALLOWED_HOSTS = [
    _public.hostname or "",
    *(("127.0.0.1", "localhost", "[::1]") if _is_local_name else ()),
]
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL]

# Core

DEBUG = env.flag("DEBUG")


SECRET_KEY = env.text("SECRET_KEY") or env.kept_secret(DATA_DIR / "secret.key", random_bytes=50)
SETUP_CODE = env.kept_secret(DATA_DIR / "setup.code", random_bytes=16)  # for the first account
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "config.apps.SiteConfig",
    "shares.apps.SharesConfig",
    "library.apps.LibraryConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "template_partials",
    "allauth",
    "allauth.account",
    "csp",
]
MIDDLEWARE = [
    "config.middleware.NoBodyForHead",
    "config.middleware.PrivateByDefault",
    "config.middleware.FullDisk",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.middleware.Sessions",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.middleware.LoginForFragments",
    "allauth.account.middleware.AccountMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": [
                "django.templatetags.static",
                "template_partials.templatetags.partials",
                "library.templatetags.pictures",
                "shares.templatetags.ends",
                "shares.templatetags.feed",
            ],
        },
    }
]

# Database; beside SQLite, allauth's throttles have a file of their own and never wait for a library's writes

DATABASES = connections.databases(env.text("DATABASE_URL"), folder=DATA_DIR)
DATABASE_ROUTERS = ["config.routers.CacheRouter"]
CACHES = {
    "default": {
        "BACKEND": "config.cache.CountingCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},  # throttles: nobody may crowd another's out
    }
}

# Accounts

AUTH_USER_MODEL = "library.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
_VALIDATION = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": f"{_VALIDATION}.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email", "display_name"]},
    },
    {"NAME": f"{_VALIDATION}.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": f"{_VALIDATION}.CommonPasswordValidator"},
    {"NAME": f"{_VALIDATION}.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "library:grid"
LOGOUT_REDIRECT_URL = "home"
SIGN_UPS = env.text("SIGN_UPS", "open" if _is_loopback else "closed", choices=("open", "closed"))
ACCOUNT_ADAPTER = "library.accounts.AccountAdapter"
ACCOUNT_SIGNUP_FORM_CLASS = "library.forms.SignupForm"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_MODEL_EMAIL_FIELD = "email"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_USER_DISPLAY = "library.accounts.display_name"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _public.scheme
ALLAUTH_TRUSTED_PROXY_COUNT = env.number("TRUSTED_PROXIES", 0)

# Mail

globals().update(connections.mail(env.text("EMAIL_URL"), outbox=DATA_DIR / "outbox"))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text(
    "MAIL_FROM", f"Passalong <passalong@{_public.hostname}>"
)

# Safety in the browser

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "style-src-attr": ["'unsafe-inline'"],  # numbers and colours, from one template tag
        "img-src": [SELF, "data:", "blob:"],  # blob: faces of files that are being uploaded
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
CSRF_COOKIE_HTTPONLY = True
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if IS_HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_HTTPS else None
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # other sites on sub-domains are not ours to decide about
    "security.W008",  # the proxy that speaks https redirects; we never see plain http from outside
    "security.W021",  # a preload list is the owner's own choice
]

# Uploads and limits

# The upload page sets its own handler
FILE_UPLOAD_HANDLERS = ["library.uploads.handler.RefusingUploadHandler"]
UPLOAD_MAX_BYTES = env.number("UPLOAD_MAX_BYTES", 10 << 30)
FREE_SPACE_FLOOR_BYTES = env.number("FREE_SPACE_FLOOR_BYTES", env.free_space_floor(DATA_DIR))
IMAGE_MAX_PIXELS_JPEG = env.number("IMAGE_MAX_PIXELS_JPEG", 250_000_000)
IMAGE_MAX_PIXELS_OTHER = env.number("IMAGE_MAX_PIXELS_OTHER", 100_000_000)
THUMBNAIL_LONGEST_EDGE_PX = 640
PREVIEW_LONGEST_EDGE_PX = 2016
SHARE_MAX_ITEMS = env.number("SHARE_MAX_ITEMS", 10_000, least=1, most=30_000)
SHARE_DEFAULT_LIFETIME_DAYS = env.number("SHARE_DEFAULT_LIFETIME_DAYS", 30, least=1, most=365)
ARCHIVE_STORE_MAX_BYTES = env.number("ARCHIVE_STORE_MAX_BYTES", 256 << 20)  # 0: none is stored
DATA_UPLOAD_MAX_NUMBER_FIELDS = max(SHARE_MAX_ITEMS, 500) + 100  # or as many links at once
DATA_UPLOAD_MAX_NUMBER_FILES = 2_000
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 << 20

# Transfers of links: how many long ones a web process carries at once, so that threads are left for pages

WEB_THREADS = 64
LINK_STREAMS_MAX = 48
LINK_STREAMS_OF_A_LINK = 24
LINK_STREAMS_OF_A_CLIENT = 12
LINK_READER_IDLE_SECONDS = env.number("LINK_READER_IDLE_SECONDS", 60, least=1)

# Work in the background

QUEUE_DIR = DATA_DIR / "queue"
WORKER_PROCESSES = len(os.sched_getaffinity(0))
CELERY_BROKER_URL, CELERY_BROKER_TRANSPORT_OPTIONS = connections.broker(
    env.text("REDIS_URL"), queue=QUEUE_DIR
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 5_000
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULER = "config.beat:SteadyScheduler"
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "library.tasks.sweep_task", "schedule": 10, "options": {"expires": 10}},
    "tidy": {"task": "library.tasks.tidy_task", "schedule": 600, "options": {"expires": 600}},
    "end-expired": {
        "task": "shares.tasks.end_expired_task",
        "schedule": 10,  # a clock set back after a link's end has this long to come before its stamp
        "options": {"expires": 10},
    },
    "remind": {"task": "shares.tasks.remind_task", "schedule": 600, "options": {"expires": 600}},
    "purge": {"task": "shares.tasks.purge_task", "schedule": 3600, "options": {"expires": 3600}},
    "gc": {"task": "library.tasks.collect_task", "schedule": 3600, "options": {"expires": 3600}},
}

# Language, time, static files, logs

LANGUAGE_CODE = "en-us"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
LOGGING = logs.LOGGING
