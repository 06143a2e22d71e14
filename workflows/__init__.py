"""Where data and model meet: the demo corpus, training, synthesis, evaluation, the report, and the command line."""
