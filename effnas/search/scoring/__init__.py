"""What proxies are made of: gradients, and a look inside a network."""
