"""``shelfwise drivers``: what drivers there are, whether one keeps the laws, and a template for a new one."""
