"""The page Deliveries desk: orders at risk, one order and its timeline, and how predictions did."""
