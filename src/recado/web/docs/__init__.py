"""The page that shows the API's description and lets one try it, without a byte from elsewhere."""
