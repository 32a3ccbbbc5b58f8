# SPDX-License-Identifier: Apache-2.0
"""Last in the order of names: that no operation of the document went untried."""
import contract
import pytest


def test_every_operation_has_answered_well():
    missing = {o.id for o in contract.OPERATIONS} - contract.SUCCEEDED
    if len(missing) > len(contract.OPERATIONS) / 2:
        pytest.skip("only counts after the other files")
    assert missing == set()
