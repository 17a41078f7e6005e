"""The flow `retail`: sales of a web shop per country and day."""
