"""Where the pages are."""

from django.urls import path

from memory_app.console.views import accounts

app_name = "console"

urlpatterns = [
    path("", accounts.home, name="home"),
    path("sign-in/", accounts.sign_in, name="sign_in"),
    path("sign-out/", accounts.sign_out, name="sign_out"),
    path("theme/", accounts.theme, name="theme"),
]
