"""What is wrong with a form, by the field that it is said beside."""

from collections.abc import Collection, Mapping

from memory_app.errors import Fault, Invalid


def faults_of(problem: Invalid, fields: Collection[str]) -> Mapping[str, str]:
    """Return what is wrong as sentences, by the name of the field.

    What none of the fields is to blame for has no name.
    """
    found: dict[str, str] = {}
    for fault in problem.faults or (Fault((), problem.detail),):
        name = next((str(part) for part in reversed(fault.loc) if part in fields), "")
        found.setdefault(name, sentence(fault.detail))
    return found


def sentence(detail: str) -> str:
    """Return a refusal as a sentence of its own."""
    return f"{detail[:1].upper()}{detail[1:].rstrip('.')}."
