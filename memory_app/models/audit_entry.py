"""The audit log: who did what to what and when, as a chain that shows where it was changed."""

from enum import StrEnum

from django.db import models

from memory_app.models.fields import CodePointField, KeyField


class AuditAct(StrEnum):
    """What was done: stable words, which readers of the log may rely on."""

    SESSION_REVEAL = "session.reveal"
    CONTENT_SEARCH = "content.search"
    SESSION_EXPORT = "session.export"
    SESSION_EXPIRE = "session.expire"
    SESSION_EXTEND = "session.extend"
    SESSION_RESTORE = "session.restore"
    SESSION_UNDO = "session.undo"
    SESSION_DELETE = "session.delete"
    REASON_GIVE = "reason.give"
    PURGE_EXECUTE = "purge.execute"
    PURGE_CANCEL = "purge.cancel"
    CLEANUP_RUN = "cleanup.run"
    SUBJECT_EXPORT = "subject.export"
    SUBJECT_ERASE = "subject.erase"
    HOLD_PLACE = "hold.place"
    HOLD_RELEASE = "hold.release"
    POLICY_SET = "policy.set"
    POLICY_REMOVE = "policy.remove"
    PERSON_CREATE = "person.create"
    PERSON_RESET = "person.reset"
    PERSON_SIGN_IN = "person.sign_in"
    PERSON_SIGN_IN_FAILED = "person.sign_in_failed"
    PERSON_SIGN_OUT = "person.sign_out"
    PERSON_LINK = "person.link"
    PERSON_PASSWORD = "person.password"  # noqa: S105 - it is a word, not one of them
    PERSON_ROLES = "person.roles"
    PERSON_DEACTIVATE = "person.deactivate"
    PERSON_REACTIVATE = "person.reactivate"
    PERSON_END_SIGN_INS = "person.end_sign_ins"
    FACTOR_ADD = "second_factor.add"
    FACTOR_REMOVE = "second_factor.remove"
    FACTOR_RESET = "second_factor.reset"
    FACTOR_CODES = "second_factor.codes"
    FACTOR_RECOVER = "second_factor.recover"
    PASSKEY_ADD = "passkey.add"
    PASSKEY_REMOVE = "passkey.remove"
    KEY_CREATE = "key.create"
    KEY_ROTATE = "key.rotate"
    KEY_REVOKE = "key.revoke"
    AUDIT_EXPORT = "audit.export"
    AUDIT_VERIFY = "audit.verify"
    NAMESPACE_CREATE = "namespace.create"
    NAMESPACE_CHANGE = "namespace.change"
    CHECKPOINT = "audit.checkpoint"
    BACKUP = "database.backup"
    RESTORE = "database.restore"


class AuditEntry(models.Model):
    """One act. Written once, in the transaction of the act, and never changed.

    `hash` covers the entry and the hash before it. Everything in an entry may be read by whoever
    reads the log: random ids and counts, nothing that a caller or a person wrote.
    """

    # 1, 2, 3 … without a gap: the number is part of what is hashed.
    n = KeyField(primary_key=True)
    at = models.BigIntegerField()
    actor = CodePointField(help_text="a username, `key lethe_xxxxxxxx`, or a name no person has")
    act = models.TextField()
    namespace = models.TextField(null=True)
    object_kind = models.TextField(null=True)
    object_id = CodePointField(null=True, help_text="a random id, or a number given by Lethe")
    counts = models.TextField(help_text="JSON")
    hash = models.TextField()

    class Meta:
        db_table = "audit_entry"
        indexes = [
            # Whether somebody opened this a moment ago; what was ever done to it.
            models.Index(fields=["object_id", "at"], name="audit_entry_by_object"),
            # What one person or key did, the newest first.
            models.Index(fields=["actor", "n"], name="audit_entry_by_actor"),
            # Where one rare act was done, the newest first: 45 ms without it among 100,000.
            models.Index(fields=["act", "n"], name="audit_entry_by_act"),
            # What was done between two times.
            models.Index(fields=["at"], name="audit_entry_by_time"),
        ]

    def __str__(self) -> str:
        return str(self.n)


class AuditHead(models.Model):
    """The end of the chain, in one row: whoever enters an act holds its lock until the commit."""

    id = models.SmallIntegerField(primary_key=True)
    n = models.BigIntegerField()
    hash = models.TextField()

    class Meta:
        db_table = "audit_head"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_chain_per_installation"),
        ]

    def __str__(self) -> str:
        return str(self.n)


class AuditCheckpoint(models.Model):
    """A signature over the chain up to an entry. Kept for good, also when the entries are not."""

    n = KeyField(primary_key=True)
    hash = models.TextField()
    at = models.BigIntegerField()
    signature = models.TextField()

    class Meta:
        db_table = "audit_checkpoint"
        indexes = [
            # How far entries may be cut.
            models.Index(fields=["at"], name="audit_checkpoint_by_time"),
        ]

    def __str__(self) -> str:
        return str(self.n)
