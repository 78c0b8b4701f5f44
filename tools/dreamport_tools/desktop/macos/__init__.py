"""macOS: windows and mouse motion of Quartz, text fields of the accessibility API, through pyobjc, which
pynput brings. Written from Apple's documentation; not run by its authors.
"""
