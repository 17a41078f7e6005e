"""Events of orders: written from messages over Kafka, from files and from the simulator alike."""
