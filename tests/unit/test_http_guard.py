"""Which machines may be asked."""

import pytest

from avakit.errors import Status, TransferFailed
from avakit.tools.http_guard import Guard, host_of, is_private, may_ask

OUTSIDE, INSIDE = "93.184.216.34", "10.0.0.7"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.216.34", False),
        ("2606:2800:220:1:248:1893:25c8:1946", False),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("0.0.0.0", True),  # noqa: S104 - a mirror may well answer with it
        ("10.1.2.3", True),
        ("172.16.0.1", True),
        ("192.168.1.1", True),
        ("100.64.0.1", True),
        ("169.254.169.254", True),
        ("224.0.0.1", True),
        ("255.255.255.255", True),
        ("::", True),
        ("::1", True),
        ("fe80::1%eth0", True),
        ("fd00::1", True),
        ("ff02::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:93.184.216.34", False),
        ("64:ff9b::7f00:1", True),
        ("64:ff9b::5db8:d822", False),
        ("2002:7f00:0001::", True),
    ],
)
def test_private(address: str, expected: bool) -> None:
    assert is_private(address) == expected


@pytest.mark.parametrize(
    ("host", "address", "began_outside", "expected"),
    [
        ("named", INSIDE, False, True),
        ("named", OUTSIDE, False, True),
        ("named", OUTSIDE, True, True),
        ("named", INSIDE, True, False),  # its name led outside a moment ago
        ("other", INSIDE, False, False),
        ("other", INSIDE, True, False),
        ("other", OUTSIDE, False, True),
        ("other", OUTSIDE, True, True),
    ],
)
def test_may_ask(host: str, address: str, began_outside: bool, expected: bool) -> None:
    assert may_ask(host, address, "named", began_outside=began_outside) == expected


def guard(url: str = "http://named/a", *first: str, allow_private: bool = False) -> Guard:
    fresh = Guard(allow_private=allow_private)
    fresh.begin(url)
    for address in first:
        fresh.check(host_of(url), [address], is_connected=True)
    return fresh


def test_a_name_that_turns_to_a_private_address_is_refused() -> None:
    with pytest.raises(TransferFailed, match="private network") as caught:
        guard("http://named/a", OUTSIDE).check("named", [INSIDE], is_connected=True)
    assert (caught.value.status, caught.value.reason) == (Status.UNSAFE, "redirect")


def test_a_private_mirror_may_send_us_outside_and_be_asked_again() -> None:
    one = guard("http://named/a", INSIDE)
    one.check("cdn.example", [OUTSIDE], is_connected=True)
    one.check("NAMED.", [INSIDE], is_connected=True)


def test_of_several_addresses_one_that_is_fine_will_do() -> None:
    """Which of them it is, the connection tells."""
    one = guard("http://named/a", OUTSIDE)
    one.check("cdn.example", [INSIDE, OUTSIDE])
    with pytest.raises(TransferFailed):
        one.check("cdn.example", [INSIDE], is_connected=True)


def test_the_user_can_allow_it() -> None:
    guard("http://named/a", OUTSIDE, allow_private=True).check("other", [INSIDE], is_connected=True)


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "http://[::1]:80/", "http://127.1.1.1/"])
def test_a_number_is_looked_at_before_anything_is_asked(url: str) -> None:
    with pytest.raises(TransferFailed):
        guard().check_url(url)
    guard(url).check_url(url)


def test_a_name_can_not_be_judged_by_itself() -> None:
    guard().check_url("http://elsewhere.example/a")
    guard().check("elsewhere.example", [])


@pytest.mark.parametrize(
    ("url", "host"), [("http://User:pw@HOST.:80/a", "host"), ("http://[::1]/", "::1"), ("http://[", ""), ("", "")]
)
def test_host_of(url: str, host: str) -> None:
    assert host_of(url) == host
