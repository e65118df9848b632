"""The nouns."""

from memory_app.models.agent_session import AgentSession, SessionDocument, SessionFacet
from memory_app.models.api_key import ApiKey, Scope
from memory_app.models.audit_entry import AuditAct, AuditCheckpoint, AuditEntry, AuditHead
from memory_app.models.cleanup_run import CleanupPart, CleanupRun
from memory_app.models.erasure import Erasure
from memory_app.models.invitation import Invitation
from memory_app.models.kept_search import KeptSearch
from memory_app.models.last_backup import LastBackup
from memory_app.models.legal_hold import HoldKind, LegalHold
from memory_app.models.message import Message
from memory_app.models.namespace import Namespace
from memory_app.models.operator import Operator, OperatorRole, Role
from memory_app.models.passkey import Passkey
from memory_app.models.preview import Preview, PreviewedSession
from memory_app.models.purge import Purge
from memory_app.models.receipt import Receipt, ReceiptKind, ReceiptSubject
from memory_app.models.retention_policy import OnExpired, RetentionPolicy
from memory_app.models.saved_view import SavedView
from memory_app.models.scrub import Scrub
from memory_app.models.search_document import SearchDocument, SearchPending, SearchState
from memory_app.models.second_factor import RecoveryCode, SecondFactor
from memory_app.models.sign_in import SignIn
from memory_app.models.stated_reason import StatedReason
from memory_app.models.tally import DailyRemoval, DailyTally, Tally
from memory_app.models.undo import Undo, UndoneSession

__all__ = [
    "AgentSession",
    "ApiKey",
    "AuditAct",
    "AuditCheckpoint",
    "AuditEntry",
    "AuditHead",
    "CleanupPart",
    "CleanupRun",
    "DailyRemoval",
    "DailyTally",
    "Erasure",
    "HoldKind",
    "Invitation",
    "KeptSearch",
    "LastBackup",
    "LegalHold",
    "Message",
    "Namespace",
    "OnExpired",
    "Operator",
    "OperatorRole",
    "Passkey",
    "Preview",
    "PreviewedSession",
    "Purge",
    "Receipt",
    "ReceiptKind",
    "ReceiptSubject",
    "RecoveryCode",
    "RetentionPolicy",
    "Role",
    "SavedView",
    "Scope",
    "Scrub",
    "SearchDocument",
    "SearchPending",
    "SearchState",
    "SecondFactor",
    "SessionDocument",
    "SessionFacet",
    "SignIn",
    "StatedReason",
    "Tally",
    "Undo",
    "UndoneSession",
]
