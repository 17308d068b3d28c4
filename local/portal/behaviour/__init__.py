"""What can be configured in the portal's behaviour: faults, limits, shapes; and the log of its calls."""
