"""A PostgreSQL server of its own whose schema `published` holds made-up tables of the contract.

It replaces the pipeline, so that the app is tested without it. The published views themselves
are tested where they are made. Each flow has a module here that fills the tables for it.
"""
