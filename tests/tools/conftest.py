# SPDX-License-Identifier: Apache-2.0
"""The tools' own modules are imported as the tools themselves do it."""

import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
