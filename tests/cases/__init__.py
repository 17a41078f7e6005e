"""Inputs of users that were once read wrongly: a folder each, with what was read and what is right.

Tests in the packages that read them give the right values.
"""

from pathlib import Path

CASES = Path(__file__).parent
