"""Where raw rows come from: centres, calendar, weather, parcel counts, and the simulated world.

Pure Python and pandas. Writing what is read here to PostgreSQL is the assets' business.
"""
