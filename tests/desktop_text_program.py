"""A GTK program with a text field, for the system's own Python. Lines on standard input: ``field`` gives the
focus to the field, ``button`` to a button. It says ``ready`` when its window is there.
"""

# mypy: ignore-errors
import sys

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk  # noqa: E402


def main() -> None:
    """Run it."""
    window = Gtk.Window(title="Dreamport text", type=Gtk.WindowType.TOPLEVEL)
    window.set_decorated(False)
    window.set_default_size(320, 180)
    box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=20)
    field, button = Gtk.Entry(), Gtk.Button(label="Play")
    box.pack_start(button, True, True, 0)
    box.pack_start(field, False, False, 0)
    window.add(box)
    window.move(0, 0)
    window.show_all()
    button.grab_focus()
    widgets = {"field": field, "button": button}

    def obey(source, _condition):
        word = source.readline().strip()
        if word not in widgets:
            Gtk.main_quit()
            return False
        widgets[word].grab_focus()
        return True

    GLib.io_add_watch(sys.stdin, GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, obey)
    GLib.idle_add(lambda: print("ready", flush=True))
    Gtk.main()


main()
