"""What several suites of tests need to start real processes and to make things in them."""
