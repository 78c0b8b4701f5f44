"""X11: windows, XInput2, and text fields through AT-SPI. Run under Xvfb in the tests."""
