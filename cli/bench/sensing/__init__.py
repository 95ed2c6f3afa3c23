"""``shelfwise bench sensing``: what a method makes of simulated streams whose truth is known."""
