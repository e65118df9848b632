"""Who may do what where: from the roles a person holds to the rights they give."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from memory_app.errors import Forbidden
from memory_app.models import Role
from memory_app.storage import engine


class Right(StrEnum):
    """One thing that a person may be allowed to do in a namespace."""

    VIEW = "view"
    READ_CONTENT = "read_content"
    EXPIRE = "expire"
    EXTEND = "extend"
    RESTORE = "restore"
    PURGE = "purge"
    ERASE = "erase"
    EXPORT = "export"
    HOLD = "hold"
    READ_OWN_AUDIT = "read_own_audit"
    READ_AUDIT = "read_audit"
    # The audit log, for those who see no sessions.
    OVERSEE = "oversee"
    MANAGE_KEYS = "manage_keys"
    MANAGE_NAMESPACES = "manage_namespaces"
    MANAGE_POLICIES = "manage_policies"
    MANAGE_PEOPLE = "manage_people"


_VIEWER: Final = frozenset({Right.VIEW})
_OPERATOR: Final = _VIEWER | {
    Right.READ_CONTENT,
    Right.EXPIRE,
    Right.EXTEND,
    Right.RESTORE,
    Right.READ_OWN_AUDIT,
}
_PRIVACY_OFFICER: Final = _OPERATOR | {
    Right.PURGE,
    Right.ERASE,
    Right.EXPORT,
    Right.HOLD,
    Right.READ_AUDIT,
}

# From the least role to the greatest: a refusal names the first that would do.
RIGHTS: Final[Mapping[str, frozenset[Right]]] = {
    Role.VIEWER: _VIEWER,
    Role.OPERATOR: _OPERATOR,
    Role.PRIVACY_OFFICER: _PRIVACY_OFFICER,
    Role.ADMINISTRATOR: frozenset(
        {
            Right.MANAGE_KEYS,
            Right.MANAGE_NAMESPACES,
            Right.MANAGE_POLICIES,
            Right.MANAGE_PEOPLE,
            Right.OVERSEE,
        }
    ),
}

# No namespace has this name: it stands for all of them, present and future.
EVERYWHERE: Final = "*"


@dataclass(frozen=True, slots=True)
class Person:
    """A person who is signed in, and the roles they hold by the name of the namespace."""

    id: int
    username: str
    roles: Mapping[str, frozenset[str]]

    def may(self, right: str, namespace: str) -> bool:
        """Tell whether one of the person's roles there, or everywhere, gives the right."""
        held = self.roles.get(namespace, frozenset()) | self.roles.get(EVERYWHERE, frozenset())
        return any(right in RIGHTS[role] for role in held)

    def may_anywhere(self, right: str) -> bool:
        """Tell whether the person has the right in at least one namespace."""
        return any(self.may(right, namespace) for namespace in self.roles)

    def namespaces(self, right: str) -> frozenset[str] | None:
        """Return the names of the namespaces where the person has the right; None means all."""
        if self.may(right, EVERYWHERE):
            return None
        return frozenset(name for name in self.roles if self.may(right, name))

    def require(self, right: str, namespace: str) -> None:
        """Raise Forbidden, naming the least role that gives the right, when the person lacks it."""
        if not self.may(right, namespace):
            raise Forbidden(
                f"this needs the role {role_for(right)}, which you do not hold"
                + (" everywhere" if namespace == EVERYWHERE else f" in '{namespace}'")
            )

    @property
    def titles(self) -> tuple[str, ...]:
        """Return the names of all roles held somewhere, the least first."""
        held = frozenset[str]().union(*self.roles.values())
        return tuple(_title(role) for role in RIGHTS if role in held)


def role_for(right: str) -> str:
    """Return the name of the least role that gives the right."""
    return next(_title(role) for role, rights in RIGHTS.items() if right in rights)


def _title(role: str) -> str:
    return role.replace("_", " ").capitalize()


def find_person(*, operator_id: int, username: str) -> Person:
    """Return a person with the roles they hold now."""
    rows = engine().read(
        lambda db: db.rows(
            "SELECT n.name, r.role FROM operator_role r LEFT JOIN namespace n"
            " ON n.id = r.namespace_id WHERE r.operator_id = %s",
            (operator_id,),
        )
    )
    roles: defaultdict[str, set[str]] = defaultdict(set)
    for namespace, role in rows:
        roles[EVERYWHERE if namespace is None else namespace].add(role)
    return Person(operator_id, username, {name: frozenset(held) for name, held in roles.items()})
