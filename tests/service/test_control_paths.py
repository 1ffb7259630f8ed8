"""The paths by which tests control their node refuse numbers that no clock can add."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from nightbus.testing import node


def test_numbers_beyond_all_clocks_are_refused() -> None:
    with node() as nightbus:
        for path, member in (("settle", "seconds"), ("advance", "seconds"), ("advance", "ms")):
            for number in ("9" * 400, "1e999", "-1e999", "true", '"x"'):
                request = urllib.request.Request(
                    f"{nightbus.endpoint}/_nightbus/testing/{path}", f'{{"{member}": {number}}}'.encode()
                )
                with pytest.raises(urllib.error.HTTPError) as refused:
                    urllib.request.urlopen(request)
                assert refused.value.code == 400, (path, member, number)
