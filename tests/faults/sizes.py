"""How much work a round is."""

IMAGES = 200
TRAINED = 40
