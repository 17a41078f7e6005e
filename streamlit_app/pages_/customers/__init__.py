"""The page Customers: groups of customers, and how well each is served."""
