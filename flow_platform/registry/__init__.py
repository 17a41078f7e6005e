"""Model vintages: registered in MLflow, found as of a day, loaded if their checksum is right."""
