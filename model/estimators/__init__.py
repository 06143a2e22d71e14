"""Score networks behind one interface: ``score(x_t, t, mu, mask, style) -> noise``."""
