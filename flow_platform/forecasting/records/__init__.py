"""The engine of records with one outcome: any number that is known later than its record began.

A flow names the columns of its merged table; trips and deliveries have engines of their own, with
what only they know.
"""
