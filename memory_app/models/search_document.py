"""What messages are found by, apart from the messages: see storage.search."""

from django.db import models
from django.db.models import Q

from memory_app.models.fields import KeyField, WordsField


class SearchDocument(models.Model):
    """The words of one message. The number rises as messages arrive, so its order is their age."""

    docid = KeyField(primary_key=True)
    # What is removed with a message, or with the messages of a session.
    message_key = models.BigIntegerField(unique=True)
    words = WordsField()

    class Meta:
        db_table = "search_document"

    def __str__(self) -> str:
        return str(self.pk)


class SearchPending(models.Model):
    """Messages of one session that are stored and not yet in the index, written with them."""

    number = models.IntegerField(help_text="the session's number")
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    bulk = models.BooleanField(default=False, help_text="whether it may wait for what is new")
    base = models.BigIntegerField(
        null=True, help_text="a place and this make the number of a message that has none yet"
    )

    class Meta:
        db_table = "search_pending"
        indexes = [
            # No other: a line is written with every message, and there are few at any time.
            # What is removed before it was indexed.
            models.Index(fields=["number"], name="search_pending_by_session"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class SearchState(models.Model):
    """Which words the index holds, in one row, and how far a rebuild of it has come."""

    id = models.SmallIntegerField(primary_key=True)
    version = models.TextField(help_text="of the rules by which words are made")
    below = models.BigIntegerField(
        null=True, help_text="sessions with a smaller number are still to be queued by a rebuild"
    )
    # A rebuild takes the newest sessions first, and gives numbers downwards: age stays in order.
    low = models.BigIntegerField(default=0, help_text="the numbers up to this are still free")
    reserved = models.BigIntegerField(default=0, help_text="what is new gets greater numbers")

    class Meta:
        db_table = "search_state"
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="one_search_index_per_installation"),
        ]

    def __str__(self) -> str:
        return self.version
