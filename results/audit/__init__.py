"""What a reviewer asks of a reproduction, rule by rule, answered from its files alone: no network, no GPU, no torch."""
