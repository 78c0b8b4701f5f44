"""Import of what others recorded: video, LeRobot data sets, LingBot-World clips."""
