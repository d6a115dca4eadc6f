"""The one settings file. What differs between machines comes from environment variables (docs/settings.md)."""

from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured

from config import environment
from config.look import UNFOLD  # noqa: F401  the admin's look and side bar

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(environment.text("DATA_DIR", str(BASE_DIR / "var"))).resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o750)

SECRET_KEY = environment.secret_key()
DEBUG = environment.flag("DEBUG", default=False)
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS", "localhost 127.0.0.1 [::1]")
CSRF_TRUSTED_ORIGINS = environment.words("CSRF_TRUSTED_ORIGINS")

# --- applications ----------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "config.apps.WiringConfig",
    "unfold.apps.BasicAppConfig",  # the default one would put its own site in place of ours
    "unfold.contrib.filters",
    "config.apps.SiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "rest_framework",
    "storages",
    "datasets",
    "hardexamples",
    "batchservices",
    "labeling",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
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
        },
    },
]

# --- data ------------------------------------------------------------------------------------------------------------
DATABASES = {
    "default": dj_database_url.parse(
        environment.text("DATABASE_URL", f"sqlite:///{DATA_DIR / 'hardmine.sqlite3'}"),
        conn_max_age=60,
        conn_health_checks=True,
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["ENGINE"] = "config.sqlite"
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        # A chunk of 500 samples changes 8 MB of pages. Whoever works for long moves the log into the file at 32 MB
        # (config.leases.breathe), the sweeper every few seconds; a page's write does so at 128 MB, where neither runs.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
        "PRAGMA cache_size=-16384; PRAGMA wal_autocheckpoint=32000;",
        **DATABASES["default"].get("OPTIONS", {}),  # of the address: sqlite:////file?timeout=5
    }
    DATABASES["default"]["CONN_MAX_AGE"] = 0
elif DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("HARDMINE_DATABASE_URL: write postgres://user:password@host/name or sqlite:////file.")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STORAGES = environment.storages(DATA_DIR)
STORAGES["default"] = STORAGES["datasets"]
STORAGES["staticfiles"] = {"BACKEND": "config.static_files.StaticFiles"}
# Storages that people name as `alias:prefix`. Blobs, models and staged uploads are ours alone.
LOCATIONS = {
    name: {"writable": name not in {"inputs", "datasets"}, "deletable": name != "datasets"}
    for name in STORAGES
    if name not in {"default", "staticfiles", "models", "staging"}
}
# Where `obs://bucket/prefix/` and `s3://bucket/prefix/` of foreign manifests may be read: "obs://bucket/=alias:prefix/".
FOREIGN_LOCATIONS = dict(pair.split("=", 1) for pair in environment.words("FOREIGN_LOCATIONS") if "=" in pair)

# --- the doorbell ----------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = environment.text("BROKER_URL", "filesystem://")
if urlsplit(CELERY_BROKER_URL).scheme == "filesystem":
    CELERY_BROKER_TRANSPORT_OPTIONS = environment.broker_of_files(DATA_DIR / "broker")
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_TIMEOUT = 2  # a page does not wait longer to ring
WORKER_PROCESSES = environment.number("WORKER_PROCESSES", default=2, least=1, most=64)
LEASE_SECONDS = environment.number("LEASE_SECONDS", default=60, least=1, most=3600)
WAIT_HOURS: float = environment.number("WAIT_HOURS", default=24, least=1, most=8760)
SANDBOX_MEMORY_MIB = environment.number("SANDBOX_MEMORY_MIB", default=2048, least=256, most=65536)
IMAGE_DEADLINE_SECONDS = environment.number("IMAGE_DEADLINE_SECONDS", default=60, least=1, most=3600)
MODEL_LIMIT_MIB = environment.number("MODEL_LIMIT_MIB", default=300, least=1, most=300)
UPLOAD_LIMIT_MIB = environment.number("UPLOAD_LIMIT_MIB", default=2048, least=1, most=65536)

# --- doors -----------------------------------------------------------------------------------------------------------
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "config.api.entry.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["config.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "config.api.errors.explain",
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_SCHEMA_CLASS": "config.api.schema.Described",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
REST_KNOX = {"TOKEN_TTL": None, "AUTH_HEADER_PREFIX": "Token", "TOKEN_LIMIT_PER_USER": None}
SPECTACULAR_SETTINGS = {
    "TITLE": "Hardmine",
    "DESCRIPTION": "Find, explain and confirm hard examples.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.api.schema.with_errors",
    ],
    "ENUM_NAME_OVERRIDES": {
        "SampleStatus": "datasets.models.Status",
        "TaskStatus": "datasets.models.TaskStatus",
        "VersionStatus": "datasets.models.VersionStatus",
        "ModelStatus": "batchservices.models.ModelStatus",
        "RunStatus": "batchservices.models.RunStatus",
        "ItemStatus": "batchservices.models.ItemStatus",
        "CollectionStatus": "batchservices.models.CollectionStatus",
        "MiningStatus": "hardexamples.models.MiningStatus",
        "AutoLabelingStatus": "labeling.models.AutoLabelingStatus",
        "AutoLabelingKind": "labeling.models.AutoLabelingTask.Kind",
    },
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 2**20
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000
DATA_UPLOAD_MAX_NUMBER_FILES = 2_000
FILE_UPLOAD_PERMISSIONS = 0o640
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o750

# --- browsers --------------------------------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        # unfold's Alpine evaluates its attributes and sets inline styles; scripts are otherwise our own files
        "script-src": [SELF, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:", "blob:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "config.refused_pages.expired"
HTTPS = environment.flag("HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
if environment.flag("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- the rest --------------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
TIME_ZONE = environment.text("TIME_ZONE", "UTC")
USE_I18N = False
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
WHITENOISE_USE_FINDERS = DEBUG
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"terminal": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["terminal"], "level": environment.text("LOG_LEVEL", "WARNING").upper()},
    # the file-system broker has no host name, and says so at every message
    "loggers": {
        # what was refused is said to who asked for it; a fault of ours is an error
        "django.request": {"level": "ERROR"},
        "kombu.connection": {"level": "ERROR"},
        "hardmine": {"level": environment.text("LOG_LEVEL", "INFO").upper()},
    },
}
