"""Practice: people play the environment's tasks, and see what agents did beside them."""
