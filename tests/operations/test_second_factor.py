"""The second factor: what confirms it, what it takes, and that nothing works twice."""

import pyotp
import pytest

from memory_app import moments
from memory_app.errors import Forbidden, Invalid, NotFound
from memory_app.models import AuditEntry, RecoveryCode, SecondFactor
from memory_app.operations.codes import STEP, WRONG_CODES, check_code, takes_codes
from memory_app.operations.inviting import make_link, use_link
from memory_app.operations.rights import Person
from memory_app.operations.second_factor import (
    begin_factor,
    begun_factor,
    confirm_factor,
    drop_factor,
    find_factor,
    is_asked_of,
    remove_factor,
    renew_recovery_codes,
    reset_factor,
)
from tests.people import acting

pytestmark = pytest.mark.django_db

NOW = moments.from_rfc3339("2026-06-01T12:00:00Z")


@pytest.fixture
def ann() -> Person:
    """Return somebody with a password alone."""
    return acting("ann")


def code(secret: str, at: int) -> str:
    return pyotp.TOTP(secret).at(at // moments.SECOND)


def enrol(person: Person, at: int = NOW) -> tuple[str, tuple[str, ...]]:
    """Add a second factor; return its secret and the recovery codes."""
    secret = begin_factor(person=person, issuer="Lethe test", now=at).secret
    return secret, confirm_factor(person=person, code=code(secret, at), now=at)


def check(person: Person, given: str, at: int) -> bool:
    return check_code(operator_id=person.id, username=person.username, code=given, now=at)


def test_nothing_is_asked_for_before_a_code_confirms_that_the_app_has_it(ann: Person) -> None:
    begun = begin_factor(person=ann, issuer="Lethe test", now=NOW)
    assert begun.uri.startswith("otpauth://totp/Lethe%20test:ann?secret=")
    assert begun_factor(person=ann, issuer="Lethe test", now=NOW) == begun
    assert not is_asked_of(operator_id=ann.id)
    with pytest.raises(Invalid, match="not the one that the app shows"):
        confirm_factor(person=ann, code="000000", now=NOW)
    assert not check(ann, code(begun.secret, NOW), NOW)
    confirm_factor(person=ann, code=code(begun.secret, NOW), now=NOW)
    assert is_asked_of(operator_id=ann.id)
    assert begun_factor(person=ann, issuer="Lethe test", now=NOW) is None


def test_a_code_works_once_and_so_do_those_before_it(ann: Person) -> None:
    secret, _ = enrol(ann)
    later = NOW + 10 * STEP
    assert not check(ann, code(secret, NOW), NOW), "it has confirmed the factor"
    assert check(ann, code(secret, later), later)
    assert not check(ann, code(secret, later), later)
    assert not check(ann, code(secret, later - STEP), later)


def test_a_clock_may_be_half_a_minute_off_and_no_more(ann: Person) -> None:
    secret, _ = enrol(ann)
    later = NOW + 100 * STEP
    assert not check(ann, code(secret, later - 2 * STEP), later)
    assert not check(ann, code(secret, later + 2 * STEP), later)
    assert check(ann, code(secret, later - STEP), later)
    assert check(ann, code(secret, later + STEP), later)


def test_a_code_may_be_typed_with_blanks(ann: Person) -> None:
    secret, _ = enrol(ann)
    typed = code(secret, NOW + 10 * STEP)
    assert check(ann, f" {typed[:3]} {typed[3:]} ", NOW + 10 * STEP)


@pytest.mark.parametrize("wrong", ["", "12345", "abcdef", "0" * 1000, "\x00", "１２３４５６"])
def test_what_is_no_code_is_refused(ann: Person, wrong: str) -> None:
    enrol(ann)
    assert not check(ann, wrong, NOW + 10 * STEP)


def test_a_recovery_code_works_once_and_is_audited(ann: Person) -> None:
    _, codes = enrol(ann)
    assert len(set(codes)) == 10
    assert check(ann, codes[3].upper().replace("-", " "), NOW)
    assert not check(ann, codes[3], NOW)
    factor = find_factor(person=ann)
    assert factor is not None
    assert factor.recovery_codes == 9
    acts = AuditEntry.objects.order_by("n").values_list("act", flat=True)
    assert list(acts) == ["second_factor.add", "second_factor.recover"]


def test_the_recovery_code_of_one_person_is_not_that_of_another(ann: Person) -> None:
    _, codes = enrol(ann)
    ben = acting("ben")
    enrol(ben)
    assert not check(ben, codes[0], NOW)


def test_other_recovery_codes_end_those_before(ann: Person) -> None:
    _, codes = enrol(ann)
    renewed = renew_recovery_codes(person=ann, now=NOW)
    assert not check(ann, codes[0], NOW)
    assert check(ann, renewed[0], NOW)


def test_a_second_one_is_added_only_after_the_first_is_removed(ann: Person) -> None:
    enrol(ann)
    with pytest.raises(Invalid, match="remove it before"):
        begin_factor(person=ann, issuer="Lethe test", now=NOW)
    remove_factor(person=ann, now=NOW)
    assert not is_asked_of(operator_id=ann.id)
    assert not RecoveryCode.objects.exists()
    enrol(ann)


def test_an_administrator_resets_a_factor_that_was_lost_and_it_is_audited(ann: Person) -> None:
    enrol(ann)
    olga = acting("olga", administrator="*")
    reset_factor(person=olga, number=ann.id, now=NOW)
    assert not is_asked_of(operator_id=ann.id)
    entry = AuditEntry.objects.latest("n")
    assert (entry.actor, entry.act, entry.object_id) == (
        "olga",
        "second_factor.reset",
        str(ann.id),
    )
    with pytest.raises(NotFound):
        reset_factor(person=olga, number=ann.id, now=NOW)


def test_nobody_else_resets_a_factor_and_nobody_their_own(ann: Person) -> None:
    enrol(ann)
    with pytest.raises(Forbidden, match="Administrator"):
        reset_factor(person=acting("pia", privacy_officer="*"), number=ann.id, now=NOW)
    olga = acting("olga", administrator="*")
    enrol(olga)
    with pytest.raises(Invalid, match="account page"):
        reset_factor(person=olga, number=olga.id, now=NOW)
    assert is_asked_of(operator_id=ann.id)
    assert is_asked_of(operator_id=olga.id)


def test_a_command_takes_it_from_whoever_is_locked_out(ann: Person) -> None:
    enrol(ann)
    drop_factor(username="ann", now=NOW)
    assert not is_asked_of(operator_id=ann.id)
    with pytest.raises(NotFound, match="nobody has this name"):
        drop_factor(username="ben", now=NOW)


def test_neither_secret_nor_codes_stand_in_the_database(ann: Person) -> None:
    secret, codes = enrol(ann)
    kept = repr([*SecondFactor.objects.values_list(), *RecoveryCode.objects.values_list()])
    assert secret not in kept
    assert not [one for one in codes if one in kept or one.replace("-", "") in kept]


def test_what_was_begun_and_left_open_is_nobodys_a_quarter_of_an_hour_later(ann: Person) -> None:
    begun = begin_factor(person=ann, issuer="Lethe test", now=NOW)
    late = NOW + 15 * moments.MINUTE
    assert begun_factor(person=ann, issuer="Lethe test", now=late) is None
    with pytest.raises(NotFound, match="within the last quarter of an hour"):
        confirm_factor(person=ann, code=code(begun.secret, late), now=late)
    assert not is_asked_of(operator_id=ann.id)


def guess(person: Person, times: int, at: int) -> None:
    for _ in range(times):
        assert not check(person, "000000", at)


def test_codes_are_guessed_so_often_in_a_day_and_then_only_a_recovery_code_is_taken(
    ann: Person,
) -> None:
    secret, codes = enrol(ann)
    guess(ann, WRONG_CODES, NOW + STEP)
    later = NOW + moments.HOUR
    assert not takes_codes(operator_id=ann.id, now=later)
    assert not check(ann, code(secret, later), later)
    assert check(ann, codes[0], later)
    # Whoever had a recovery code is the person: their app is taken again.
    assert check(ann, code(secret, later), later)


def test_a_day_later_codes_are_taken_again(ann: Person) -> None:
    secret, _ = enrol(ann)
    guess(ann, WRONG_CODES, NOW + STEP)
    tomorrow = NOW + moments.DAY + moments.HOUR
    assert takes_codes(operator_id=ann.id, now=tomorrow)
    assert check(ann, code(secret, tomorrow), tomorrow)


def test_a_right_code_forgets_the_wrong_ones_before_it(ann: Person) -> None:
    secret, _ = enrol(ann)
    guess(ann, WRONG_CODES - 1, NOW + STEP)
    assert check(ann, code(secret, NOW + 2 * STEP), NOW + 2 * STEP)
    guess(ann, WRONG_CODES - 1, NOW + 2 * STEP)
    assert check(ann, code(secret, NOW + 4 * STEP), NOW + 4 * STEP)


def test_another_password_by_a_link_leaves_the_second_factor(ann: Person) -> None:
    secret, _ = enrol(ann)
    link = make_link(person=acting("olga", administrator="*"), number=ann.id, now=NOW)
    use_link(secret=link.secret, password="four unusual words here", now=NOW)
    assert is_asked_of(operator_id=ann.id)
    assert check(ann, code(secret, NOW + STEP), NOW + STEP)


def test_it_takes_two_administrators_to_give_a_link_and_to_take_the_second_factor(
    ann: Person,
) -> None:
    enrol(ann)
    olga, otto = acting("olga", administrator="*"), acting("otto", administrator="*")
    make_link(person=olga, number=ann.id, now=NOW)
    soon = NOW + 13 * moments.DAY
    with pytest.raises(Invalid, match="another administrator's to remove"):
        reset_factor(person=olga, number=ann.id, now=soon)
    assert is_asked_of(operator_id=ann.id)
    reset_factor(person=otto, number=ann.id, now=soon)
    with pytest.raises(Invalid, match="another administrator's to make"):
        make_link(person=otto, number=ann.id, now=soon)
    make_link(person=otto, number=ann.id, now=soon + 15 * moments.DAY)
