"""The shop: small services that every lesson meets again."""
