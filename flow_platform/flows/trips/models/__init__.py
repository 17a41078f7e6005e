"""How long a trip takes: what is known when it is asked for, the candidates, their intervals."""
