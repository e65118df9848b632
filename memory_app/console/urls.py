"""Where the pages are."""

from django.urls import path, re_path, register_converter
from django.urls.converters import IntConverter, StringConverter

from memory_app.console.views import (
    accounts,
    audit,
    branches,
    downloads,
    help_pages,
    holds,
    joining,
    jump,
    keys,
    namespaces,
    overview,
    own_account,
    people,
    policies,
    purges,
    reasons,
    receipts,
    runs,
    saved_views,
    search,
    selections,
    sessions,
    settings,
    states,
    subjects,
    transcripts,
    tree,
)


class Uid(StringConverter):
    """The random id of a session."""

    regex = "[0-9a-f]{32}"


class PurgeId(StringConverter):
    """The random id of a purge that was asked for."""

    regex = "prg_[0-9a-f]{32}"


class Token(StringConverter):
    """The random id of a preview, a receipt or a hold."""

    regex = "[a-z]{3}_[0-9a-f]{32}"


class KeyPrefix(StringConverter):
    """The readable part of an API key."""

    regex = "lethe_[a-z0-9]{8}"


class NamespaceName(StringConverter):
    """The name of a namespace."""

    regex = "[a-z0-9][a-z0-9._-]{0,63}"


class Number(IntConverter):
    """The number of a person, a run or a message: no more digits than a database has room for."""

    regex = "[0-9]{1,18}"


register_converter(Uid, "uid")
register_converter(Number, "number")
register_converter(PurgeId, "purge")
register_converter(Token, "token")
register_converter(KeyPrefix, "key")
register_converter(NamespaceName, "namespace")

app_name = "console"

urlpatterns = [
    path("", accounts.home, name="home"),
    path("sign-in/", accounts.sign_in, name="sign_in"),
    path("sign-in/code/", accounts.sign_in_code, name="sign_in_code"),
    path("sign-out/", accounts.sign_out, name="sign_out"),
    path("join/", joining.join, name="join"),
    path("help/", help_pages.index, name="help"),
    *(
        path(f"help/{topic}/", help_pages.topic, {"topic": topic}, name=f"help_{topic}")
        for topic in help_pages.TOPICS
    ),
    path("account/", own_account.account, name="account"),
    path("account/password/", own_account.password, name="password"),
    path("account/sign-ins/end/", own_account.end_sign_in, name="end_sign_in"),
    path("account/second-factor/", own_account.factor, name="second_factor"),
    path("account/staying/", own_account.staying, name="staying"),
    path("people/", people.index, name="people"),
    path("people/<number:number>/", people.detail, name="person"),
    path("people/<number:number>/roles/", people.roles, name="roles"),
    path("people/<number:number>/act/", people.act, name="act_on_person"),
    path("preferences/", accounts.prefer, name="preferences"),
    path("jump/", jump.index, name="jump"),
    path("overview/", overview.index, name="overview"),
    path("sessions/", sessions.index, name="sessions"),
    path("search/", search.index, name="search"),
    path("search/<token:token>/", search.results, name="searched"),
    path("sessions/count/", sessions.count, name="count"),
    path("sessions/tree/", tree.index, name="tree"),
    path("sessions/views/", saved_views.index, name="views"),
    path("sessions/act/", selections.act, name="act"),
    path("sessions/hold/", selections.hold, name="hold_sessions"),
    path("sessions/export/<token:token>/", downloads.export, name="export"),
    path("sessions/<uid:uid>/", transcripts.session, name="session"),
    path("sessions/<uid:uid>/find/", transcripts.find, name="find"),
    path("sessions/<uid:uid>/branch/", branches.branch, name="branch"),
    path("sessions/<uid:uid>/states/", states.states, name="states"),
    path("sessions/<uid:uid>/messages/<number:seq>/", transcripts.message, name="message"),
    re_path(
        r"^sessions/(?P<uid>[0-9a-f]{32})/session\.(?P<kind>jsonl|md)$",
        downloads.download,
        name="download",
    ),
    path("reasons/", reasons.ask, name="reason"),
    path("subjects/", subjects.index, name="subjects"),
    path("subjects/subject.jsonl", subjects.export, name="subject_export"),
    path("subjects/erase/", subjects.preview, name="erasure"),
    path("subjects/erase/confirm/", subjects.erase, name="erase"),
    path("purges/", purges.index, name="purges"),
    path("purges/new/", purges.begin, name="new_purge"),
    path("purges/<purge:purge>/", purges.detail, name="purge_progress"),
    path("purges/<purge:purge>/cancel/", purges.cancel, name="cancel_purge"),
    path("purges/<token:token>/", purges.confirm, name="purge"),
    path("holds/", holds.index, name="holds"),
    path("holds/new/", holds.new, name="new_hold"),
    path("holds/<token:hold>/", holds.detail, name="hold"),
    path("holds/<token:hold>/release/", holds.release, name="release"),
    path("policies/", policies.index, name="policies"),
    path("policies/change/", policies.edit, name="policy"),
    path("runs/", runs.index, name="runs"),
    path("runs/now/", runs.run, name="run_now"),
    path("runs/<number:number>/", runs.detail, name="run"),
    path("policies/remove/", policies.remove, name="remove_policy"),
    path("policies/applying/", policies.applying, name="applying"),
    path("settings/", settings.index, name="settings"),
    path("audit/", audit.index, name="audit"),
    path("audit/verify/", audit.verify, name="verify"),
    re_path(r"^audit/audit\.(?P<kind>csv|jsonl)$", audit.export, name="audit_export"),
    path("keys/", keys.index, name="keys"),
    path("keys/new/", keys.create, name="new_key"),
    path("keys/<key:prefix>/", keys.detail, name="key"),
    path("keys/<key:prefix>/received/", keys.received, name="received"),
    path("keys/<key:prefix>/rotate/", keys.rotate, name="rotate_key"),
    path("keys/<key:prefix>/revoke/", keys.revoke, name="revoke_key"),
    path("namespaces/", namespaces.index, name="namespaces"),
    path("namespaces/new/", namespaces.create, name="new_namespace"),
    path("namespaces/<namespace:name>/change/", namespaces.change, name="namespace"),
    path("receipts/", receipts.index, name="receipts"),
    path("receipts/<token:receipt>/", receipts.detail, name="receipt"),
    path("receipts/<token:receipt>/receipt.json", receipts.download, name="receipt_file"),
    path("erasures/", receipts.erasures, name="erasures"),
]
