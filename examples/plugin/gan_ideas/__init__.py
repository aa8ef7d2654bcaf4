"""A loss, a model, a data set and a metric for gan-runner."""
