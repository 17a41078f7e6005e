"""The page Retail: sales of a web shop by country, in three measures."""
