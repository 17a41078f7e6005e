"""Writes the generated pages: `python -m docs_site.reference`, as `make docs` does."""

from docs_site.reference import PAGES, write_pages

changed = write_pages()
for name in changed:
    print(f"written: docs/{name}")
print(f"{len(PAGES) - len(changed)} of {len(PAGES)} generated pages were current.")
