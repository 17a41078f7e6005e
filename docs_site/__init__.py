"""Builds the documentation site: what MkDocs needs besides the pages, and the generated pages.

The pages themselves are in `docs/`. This is outside of the installed package: it imports the whole
platform and tools of development, and nothing that runs needs it.
"""
