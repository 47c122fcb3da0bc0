# SPDX-License-Identifier: Apache-2.0
"""The exception for a wrong value in a description."""


class Problem(Exception):
    """The value of one key is wrong; the text follows file, table and key."""
