"""The product's site map, and an empty view: what framework and server cost by themselves."""

from django.http import HttpRequest
from django.urls import path
from ninja import NinjaAPI

from config.urls import urlpatterns as product

empty = NinjaAPI(urls_namespace="empty", docs_url=None, openapi_url=None)


@empty.get("/view")
def view(request: HttpRequest) -> dict[str, bool]:
    return {"ok": True}


urlpatterns = [path("api/empty/", empty.urls), *product]
