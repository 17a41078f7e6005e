"""The ground floor: errors, rectangles of centres and days, periods, clocks, roles, columns.

Every other package may import these modules; they import nothing of the platform.
"""
