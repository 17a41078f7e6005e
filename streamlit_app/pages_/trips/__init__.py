"""The page Trips: how long trips take, and how accurate the predicted times are."""
