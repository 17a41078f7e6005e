"""Model vintages: registered on MLflow, looked up as of a day, loaded only when the sum is right."""
