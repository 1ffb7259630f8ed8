"""Each managed identifier finds what it is for, and not what looks like it."""

from __future__ import annotations

import time

import pytest

from nightbus.messaging.data_protection import IDENTIFIERS, INBOUND, ProtectionStatement

KEY = "-----BEGIN {0}PRIVATE KEY-----\\nabc+/=\\n-----END {0}PRIVATE KEY-----".replace("\\n", "\n")
CASES = {
    "AwsSecretKey": ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI/K7MDENG"),
    "BankAccountNumber-DE": ("DE89 3704 0044 0532 0130 00", "DE89 3704"),
    "BankAccountNumber-ES": ("ES9121000418450200051332", "ES912100"),
    "BankAccountNumber-FR": ("FR1420041010050500013M02606", "FR142004"),
    "BankAccountNumber-GB": ("GB29NWBK60161331926819", "GB29"),
    "BankAccountNumber-IT": ("IT60X0542811101000000123456", "IT60X"),
    "CreditCardNumber": ("4111-1111-1111-1111", "4111-1111-1111-1112"),
    "EmailAddress": ("a.b+c@mail.example.com", "a@b"),
    "IpAddress": ("192.0.2.255", "192.0.2.256"),
    "OpenSshPrivateKey": (KEY.format("OPENSSH "), KEY.format("RSA ")),
    "PhoneNumber-US": ("(206) 555-0100", "206-55-0100"),
    "PkcsPrivateKey": (KEY.format("RSA "), KEY.format("OPENSSH ")),
    "Ssn-US": ("123-45-6789", "666-45-6789"),
}


def test_every_identifier_has_a_case() -> None:
    assert set(CASES) == set(IDENTIFIERS)


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_an_identifier_finds(name: str) -> None:
    found, other = CASES[name]
    redact = ProtectionStatement(INBOUND, ("*",), (name,), "")
    deny = ProtectionStatement(INBOUND, ("*",), (name,), None)
    assert redact.applied(f"<{found}>") == "<>"
    assert deny.applied(f"<{found}>") is None
    assert deny.applied(f"<{other}>") == redact.applied(f"<{other}>") == f"<{other}>"


@pytest.mark.parametrize("name", sorted(IDENTIFIERS))
@pytest.mark.parametrize("text", ["a", "1", "-----BEGIN PRIVATE KEY-----", "1.", "a@", "DE11 "])
def test_a_long_text_takes_no_long_time(name: str, text: str) -> None:
    deny = ProtectionStatement(INBOUND, ("*",), (name,), None)
    began = time.process_time()
    deny.applied(text * (100_000 // len(text)))
    assert time.process_time() - began < 2
