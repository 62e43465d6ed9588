"""The expensive layer: findings wait durably, runbooks act without a model, and a model is woken inside a budget."""
