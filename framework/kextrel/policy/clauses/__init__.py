"""What the rules come to: for each action the clauses that model.py asks in their order, by what they are about."""
