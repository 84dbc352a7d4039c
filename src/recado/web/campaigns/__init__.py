"""The list of campaigns, and the page on which one of them is followed and steered."""
