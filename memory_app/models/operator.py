"""A person who works in the console, and what they may do where."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q

from memory_app.models.fields import CodePointField
from memory_app.models.namespace import Namespace


class OperatorManager(BaseUserManager):  # type: ignore[type-arg]
    """Finds people by name, as Django's authentication asks."""


class Operator(AbstractBaseUser):
    """A person. Deactivated, never deleted, so that the audit log keeps its names."""

    id = models.AutoField(primary_key=True)
    username = CodePointField(unique=True)
    is_active = models.BooleanField(default=True)
    created_at = models.BigIntegerField()
    # Django's own is a datetime, which the two databases' drivers give out differently.
    last_login = None
    signed_in_at = models.BigIntegerField(null=True)
    preferences = models.TextField(default="{}", help_text="JSON: what differs from the defaults")
    first_view = CodePointField(
        null=True, help_text="the saved view with which the list of sessions begins"
    )

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = OperatorManager()

    class Meta:
        db_table = "operator"

    def __str__(self) -> str:
        return str(self.username)


class Role(models.TextChoices):
    """Viewer is part of operator, operator of privacy officer; administrator stands apart."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    PRIVACY_OFFICER = "privacy_officer"
    ADMINISTRATOR = "administrator"


class OperatorRole(models.Model):
    """A role that a person holds in one namespace, or in all when none is named."""

    operator = models.ForeignKey(Operator, models.CASCADE, related_name="roles")
    role = models.TextField(choices=Role.choices)
    namespace = models.ForeignKey(Namespace, models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "operator_role"
        constraints = [
            models.UniqueConstraint(
                fields=["operator", "role", "namespace"], name="one_role_once_per_namespace"
            ),
            models.UniqueConstraint(
                fields=["operator", "role"],
                condition=Q(namespace__isnull=True),
                name="one_role_once_everywhere",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.operator_id}: {self.role}"
