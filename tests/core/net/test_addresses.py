"""Addresses as they may be shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from localstory.net import shown_address
from localstory.net.errors import BadAddress
from localstory.words import tell

_PLAIN = st.text("abcđ🌱._-:", min_size=1, max_size=8)


@given(host=_PLAIN, path=st.text("abc/đ.", max_size=8), scheme=st.sampled_from(["", "http://", "https://", "ftp://"]))
def test_an_address_without_secrets_is_shown_as_it_is(host: str, path: str, scheme: str) -> None:
    assert shown_address(f"{scheme}{host}/{path}") == f"{scheme}{host}/{path}"


@given(secret=st.text("SECRET:@/?đ", max_size=12), host=_PLAIN, scheme=st.sampled_from(["", "http://", "https://"]))
def test_a_name_a_password_and_a_query_are_never_shown(secret: str, host: str, scheme: str) -> None:
    password = secret.replace("/", "").replace("?", "")
    for address in (f"{scheme}{password}@{host}/v1", f"{scheme}{host}/v1?key={secret}", f"{scheme}{password}@{host}?{secret}"):
        for shown in (shown_address(address), tell(BadAddress(address)).title):
            assert not set("SECRT") & set(shown)
            assert host in shown
