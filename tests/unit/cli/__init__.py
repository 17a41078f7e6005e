"""Tests of commands that need no database."""
