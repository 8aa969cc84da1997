"""The shop's services, and the patterns by which they talk: named as the field names them."""
