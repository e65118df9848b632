"""Every setting. A clean checkout runs; what differs between places is an environment variable."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

from config import env

BASE_DIR = Path(__file__).resolve().parent.parent

LETHE_DATA_DIR = env.folder("LETHE_DATA_DIR", BASE_DIR / "var")
LETHE_PUBLIC_URL = env.text("LETHE_PUBLIC_URL").rstrip("/")
# A request's client is its connection's peer, unless this many proxies in front are trusted.
LETHE_TRUSTED_PROXIES = env.number("LETHE_TRUSTED_PROXIES", 0, 0, 8)

# Whether everyone who works in the console must have a second factor.
LETHE_REQUIRE_SECOND_FACTOR = env.flag("LETHE_REQUIRE_SECOND_FACTOR", False)

# When cleanup may scrub, in UTC, and up to which size; docs/erasure.md says what a scrub is.
LETHE_SCRUB_WINDOW = env.window("LETHE_SCRUB_WINDOW", "02:00-05:00")
LETHE_SCRUB_MAX_MB = env.number("LETHE_SCRUB_MAX_MB", 2048, 0, 2**31)
# How long backups are kept, for receipts to say; 0 is not said.
LETHE_BACKUP_DAYS = env.number("LETHE_BACKUP_DAYS", 0, 0, 36_500)

# Who has it may read /metrics from elsewhere; from this machine it is open without one.
LETHE_METRICS_TOKEN = env.text("LETHE_METRICS_TOKEN")

DEBUG = env.flag("LETHE_DEBUG", False)
SECRET_KEY = env.text("LETHE_SECRET_KEY") or env.secret(
    LETHE_DATA_DIR / "secret_key", get_random_secret_key
)
_public = urlsplit(LETHE_PUBLIC_URL)
if LETHE_PUBLIC_URL and (_public.scheme not in ("http", "https") or not _public.hostname):
    raise ImproperlyConfigured(
        f"LETHE_PUBLIC_URL must look like https://lethe.example.org; it is {LETHE_PUBLIC_URL!r}."
    )
ALLOWED_HOSTS = [
    *("127.0.0.1", "localhost", "[::1]"),
    *([_public.hostname] if _public.hostname else []),
    *env.names("LETHE_ALLOWED_HOSTS", []),
]

INSTALLED_APPS = [
    # First, so that its commands stand in the place of Django's of the same name.
    "memory_app",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "ninja",
]

# The API needs none of the console's middleware, and its cost would be half of a small call
# (docs/performance.md), so each of these lets /api/ pass.
MIDDLEWARE = [
    "config.middleware.Envelope",
    "memory_app.api.fallback.ProblemsOnly",
    "config.middleware.StaticFiles",
    "config.middleware.ConsoleSessions",
    "config.middleware.ConsoleCsrf",
    "config.middleware.ConsoleAuthentication",
    "config.middleware.ConsoleMessages",
    "config.middleware.ConsoleThrottle",
    "config.middleware.ConsoleFrame",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
# One URL per operation, exactly as the contract spells it: nothing is redirected.
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": [
                "django.templatetags.static",
                "memory_app.console.templatetags",
                "memory_app.console.reading_tags",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "memory_app.console.navigation.frame",
            ],
        },
    },
]

_NO_DATABASE = "DATABASE_URL must name an SQLite or a PostgreSQL database."
try:
    _database = dj_database_url.parse(
        env.text("DATABASE_URL", f"sqlite:///{LETHE_DATA_DIR / 'lethe.sqlite3'}"),
        # Connections are kept: opening one for each request made calls six to eight times slower.
        conn_max_age=None,
    )
except ValueError:
    raise ImproperlyConfigured(_NO_DATABASE) from None
DATABASES = {"default": _database}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # A transaction takes the write lock when it begins. Taken later, it fails at once when
        # another writer came between, whatever the timeout.
        "transaction_mode": "IMMEDIATE",
        # Seconds that a writer waits for another process, a scrub included, before it is refused
        # as unavailable; memory_app/storage/sqlite.py counts the time it waited for its turn too.
        "timeout": 5,
        "init_command": (
            "PRAGMA journal_mode=WAL;"
            # An acknowledged message survives a power cut.
            "PRAGMA synchronous=FULL;"
            # Freed cells are overwritten with zeroes (not enough for erasure: see the scrub).
            "PRAGMA secure_delete=ON;"
            "PRAGMA foreign_keys=ON;"
            "PRAGMA journal_size_limit=67108864;"
            "PRAGMA cache_size=-65536"
        ),
    }
elif DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # Parameters travel apart from the statement, so a failed statement in the server's log holds
    # no message text; prepared once, a statement is planned once.
    DATABASES["default"].setdefault("OPTIONS", {}).update(
        server_side_binding=True, prepare_threshold=2
    )
else:
    raise ImproperlyConfigured(_NO_DATABASE)

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATA_UPLOAD_MAX_MEMORY_SIZE = None  # the API and the server bound bodies themselves, in JSON

AUTH_USER_MODEL = "memory_app.Operator"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "memory_app.console.backends.SecondFactorBackend",
]
LOGIN_URL = "console:sign_in"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Five failures of one name from one address (of IPv6, from one /64) pause it there for a quarter of
# an hour; memory_app/operations/second_factor.py bounds wrong codes from everywhere. What is kept
# of a failure is a digest of the name, the address and the time: never a password, nor a name,
# because people type the one into the field of the other.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "memory_app.console.views.accounts.locked_out"
AXES_USERNAME_CALLABLE = "memory_app.console.clients.name_digest"
AXES_CLIENT_IP_CALLABLE = "memory_app.console.clients.counted_address"
AXES_CLIENT_STR_CALLABLE = "memory_app.console.clients.no_name"
AXES_SENSITIVE_PARAMETERS = [
    "username",
    "password",
    "code",
    "answer",
    "next",
    "csrfmiddlewaretoken",
]
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
# These look for a middleware by name. config/middleware.py has subclasses of axes' and of the CSRF
# protection (ConsoleThrottle, ConsoleCsrf), and Envelope sends the headers of the other two.
SILENCED_SYSTEM_CHECKS = ["axes.W002", "security.W001", "security.W002", "security.W003"]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Files are served from where they are, so that nothing has to be collected by hand; `serve`
# collects them here, under hashed names (memory_app/serving/static_files.py).
STATIC_ROOT = LETHE_DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "memory_app.serving.static_files.CollectedFiles"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# What the console calls the place where it runs, on every page: "production", "staging".
LETHE_ENVIRONMENT = env.text("LETHE_ENVIRONMENT", _public.hostname or "local")
LETHE_COOKIE_PREFIX = ""

SECURE_CONTENT_TYPE_NOSNIFF = True
if _public.scheme == "https":
    SESSION_COOKIE_NAME = "__Host-sid"
    CSRF_COOKIE_NAME = "__Host-csrf"
    LETHE_COOKIE_PREFIX = "__Host-"
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# The longest that anyone stays signed in; memory_app/operations/sign_ins.py also ends idle ones.
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
# In a cookie, what the console said would stay in the browser.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
CSRF_FAILURE_VIEW = "memory_app.console.views.errors.csrf_failure"
CSRF_TRUSTED_ORIGINS = [LETHE_PUBLIC_URL] if LETHE_PUBLIC_URL else []

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "config.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        # Django's own request log writes paths with their query string, where session ids are.
        "django.request": {"handlers": [], "level": "CRITICAL", "propagate": False},
        "django.server": {"handlers": [], "level": "CRITICAL", "propagate": False},
        # It names the ids of passkeys.
        "fido2": {"handlers": [], "level": "CRITICAL", "propagate": False},
        "axes": {"handlers": [], "level": "CRITICAL", "propagate": False},
        "django.security": {"handlers": [], "level": "CRITICAL", "propagate": False},
    },
}
