"""The pages of the app, one a flow and a few more: a file, or a folder with the file `page.py`.

A page is shown by running its file. It has a catalog of its name in `texts/`, with its position in
the navigation.
"""
