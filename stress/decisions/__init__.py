"""What a venue asks of finished runs and of further ones: comparisons, and what follows from them."""
