"""The flow `parcels`: parcels per sorting centre and day."""
