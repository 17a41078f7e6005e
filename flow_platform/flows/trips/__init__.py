"""The flow `trips`: how long taxi and delivery trips take."""
