"""The way in and out: e-mail and password, and what slows down whoever guesses them."""
