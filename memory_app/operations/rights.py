"""Who may do what where: from the roles a person holds to the rights they give."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from memory_app.errors import Forbidden, ReasonNeeded
from memory_app.models import Role
from memory_app.storage import Database, engine
from memory_app.storage.engine import Row


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

# What hands content to a person: where a namespace demands a reason, only after one was given.
OPENS_CONTENT: Final = frozenset({Right.READ_CONTENT, Right.EXPORT})

# No namespace has this name: it stands for all of them, present and future.
EVERYWHERE: Final = "*"


@dataclass(frozen=True, slots=True)
class Person:
    """A person who is signed in, and the roles they hold by the name of the namespace.

    `demanding` names the namespaces that demand a reason before content is shown; `open_until` says
    until when those are open to the person for which they have given one.
    """

    id: int
    username: str
    roles: Mapping[str, frozenset[str]]
    demanding: frozenset[str] = frozenset()
    open_until: Mapping[str, int] = field(default_factory=dict)

    def may(self, right: str, namespace: str) -> bool:
        """Tell whether the person may do this there now: see `holds` and `lacks_reason`."""
        return self.holds(right, namespace) and not self.lacks_reason(right, namespace)

    def holds(self, right: str, namespace: str) -> bool:
        """Tell whether one of the person's roles there, or everywhere, gives the right."""
        held = self.roles.get(namespace, frozenset()) | self.roles.get(EVERYWHERE, frozenset())
        return any(right in RIGHTS[role] for role in held)

    def lacks_reason(self, right: str, namespace: str) -> bool:
        """Tell whether a written reason is all that the person lacks to do this there."""
        closed = namespace in self.demanding and namespace not in self.open_until
        return closed and right in OPENS_CONTENT and self.holds(right, namespace)

    def sees_titles(self, namespace: str) -> bool:
        """Tell whether lists show the person the titles of sessions there: they are content.

        They never do where a reason is demanded, also while it opens the sessions themselves.
        """
        return self.holds(Right.READ_CONTENT, namespace) and namespace not in self.demanding

    def may_anywhere(self, right: str) -> bool:
        """Tell whether the person's roles give the right in at least one namespace."""
        return any(self.holds(right, namespace) for namespace in self.roles)

    def namespaces(self, right: str) -> frozenset[str] | None:
        """Return the names of the namespaces where the person has the right; None means all."""
        if self.may(right, EVERYWHERE):
            closed = right in OPENS_CONTENT and self.demanding
            assert not closed, "all but some, whose names are not known here: ask `may` of each"
            return None
        return frozenset(name for name in self.roles if self.may(right, name))

    def require(self, right: str, namespace: str) -> None:
        """Raise Forbidden when the person lacks the right, ReasonNeeded when only a reason."""
        self.require_role(right, namespace)
        if self.lacks_reason(right, namespace):
            raise ReasonNeeded(f"'{namespace}' asks why its content is opened", namespace)

    def require_role(self, right: str, namespace: str) -> None:
        """Raise Forbidden, naming the least role that gives the right, when no role gives it."""
        if not self.holds(right, namespace):
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


def find_person(*, operator_id: int, username: str, now: int | None = None) -> Person:
    """Return a person with the roles they hold, and with what is open to them, now."""

    def work(db: Database) -> tuple[list[Row], list[Row], int]:
        roles, demanding = db.rows(_ROLES, (operator_id,)), db.rows(_DEMANDING, (operator_id,))
        return roles, demanding, now or (db.now() if demanding else 0)

    held, demanding, moment = engine().read(work)
    roles: defaultdict[str, set[str]] = defaultdict(set)
    for namespace, role in held:
        roles[EVERYWHERE if namespace is None else namespace].add(role)
    return Person(
        operator_id,
        username,
        {name: frozenset(given) for name, given in roles.items()},
        frozenset(name for name, _ in demanding),
        {name: until for name, until in demanding if until is not None and until > moment},
    )


_ROLES: Final = (
    "SELECT n.name, r.role FROM operator_role r LEFT JOIN namespace n ON n.id = r.namespace_id"
    " WHERE r.operator_id = %s"
)
_DEMANDING: Final = (
    "SELECT n.name, max(r.open_until) FROM namespace n LEFT JOIN stated_reason r"
    " ON r.operator_id = %s AND r.namespace_id = n.id WHERE n.demands_reason GROUP BY n.name"
)
