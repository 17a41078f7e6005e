"""Model vintages: registered on MLflow, looked up as of a day, loaded when the sum is right."""
