"""A real terminal for tests: tmux, its screen read cell by cell."""
import html
import itertools
import os
import re
import signal
import subprocess
import time

# Who started this in the background may have had it ignored, which is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)

LIMIT = 60


class Screen:
    """A tmux of its own with one program in it."""
    count = itertools.count()

    def __init__(self, argv, columns=80, rows=24, env=None):
        # A name that is used again may be that of a server about to end.
        self.name = "interpose.%d.%d" % (os.getpid(), next(Screen.count))
        words = ["env"] + ["%s=%s" % pair for pair in (env or {}).items()] + argv
        self.tmux("new-session", "-d", "-s", "s", "-x", str(columns), "-y",
                  str(rows), *words, ";", "set-option", "-g", "status", "off",
                  ";", "set-option", "-g", "remain-on-exit", "on", ";",
                  "set-option", "-g", "history-limit", "0")
        # The line of the status was there when it began.
        self.resize(columns, rows)

    def tmux(self, *words):
        environment = dict(os.environ)
        environment.pop("TMUX", None)
        return subprocess.run(["tmux", "-L", self.name, "-f", "/dev/null", *words],
                              env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              check=False).stdout.decode("utf-8", "replace")

    def resize(self, columns, rows):
        self.tmux("resize-window", "-t", "s", "-x", str(columns), "-y", str(rows))

    def text(self):
        return self.tmux("capture-pane", "-p", "-t", "s")

    def cells(self):
        """Every cell with its colours, the cursor, and what the program set."""
        return shown_cells(self.tmux("capture-pane", "-e", "-p", "-t", "s")) + self.tmux(
            "display", "-p", "-t", "s",
            "#{alternate_on} #{cursor_x},#{cursor_y} #{cursor_flag} "
            "#{keypad_cursor_flag} #{keypad_flag} #{mouse_any_flag} "
            "#{mouse_sgr_flag} #{wrap_flag} #{origin_flag} #{insert_flag} "
            "#{scroll_region_upper}-#{scroll_region_lower} #{pane_dead}")

    def until(self, what, why=None):
        """Wait until the text is shown, or the function of the text holds."""
        end = time.monotonic() + LIMIT
        while True:
            dead = self.dead()
            text = self.text()
            if what(text) if callable(what) else what in text:
                return text
            assert time.monotonic() < end and not dead, (why or what, text)
            time.sleep(0.03)

    def until_dead(self):
        """Wait until the program has ended: tmux does not always draw that it has."""
        end = time.monotonic() + LIMIT
        while not self.dead():
            assert time.monotonic() < end, ("it goes on", self.text())
            time.sleep(0.03)

    def until_gone(self, what):
        return self.until(lambda text: what not in text, "still there: " + what)

    def until_still(self, seconds=0.5):
        """Wait until nothing has changed for so long; returns the cells."""
        end, since, last = time.monotonic() + LIMIT, time.monotonic(), None
        while True:
            cells = self.cells()
            if cells != last:
                last, since = cells, time.monotonic()
            elif time.monotonic() - since >= seconds:
                return cells
            assert time.monotonic() < end, ("never still", cells)
            time.sleep(0.05)

    def until_cells(self, cells, why):
        end = time.monotonic() + LIMIT
        while True:
            now = self.cells()
            if now == cells:
                return
            assert time.monotonic() < end, (why, differences(cells, now))
            time.sleep(0.05)

    def keys(self, *keys):
        self.tmux("send-keys", "-t", "s", *keys)

    def type(self, text):
        self.tmux("send-keys", "-t", "s", "-l", "--", text)

    def answer(self, key):
        """Once the screen says that a key counts."""
        self.until("One key answers")
        self.keys(key)

    def dead(self):
        return self.tmux("display", "-p", "-t", "s", "#{pane_dead}").strip() == "1"

    def close(self):
        self.tmux("kill-server")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def set_style(style, words):
    """Follow one SGR sequence."""
    while words:
        word = words.pop(0)
        number = int(word or 0)
        if number == 0:
            style.clear()
        elif number in (38, 48, 58):
            count = 2 if words[:1] == ["5"] else 4
            style[number] = words[:count]
            del words[:count]
        elif 30 <= number <= 37 or 90 <= number <= 97:
            style[38] = number
        elif 40 <= number <= 47 or 100 <= number <= 107:
            style[48] = number
        elif number in (39, 49, 59):
            style.pop(number - 1, None)
        elif number in (22, 23, 24, 25, 27, 28, 29):
            for off in {22: (1, 2), 24: (4, 21)}.get(number, (number - 20,)):
                style.pop(off, None)
        else:
            style[number] = True


def shown_cells(captured):
    """What is to be seen, a line a row: a blank has no colour of a text, and those
    at the end of a row that look like nothing are none."""
    style, rows = {}, []
    for line in captured.split("\n"):
        row = []
        for part in re.split(r"(\x1b\[[0-9;]*m|\x1b[()].|[\x0e\x0f])", line):
            if part.startswith("\x1b["):
                set_style(style, re.split("[;:]", part[2:-1]))
            elif part[:1] not in ("\x1b", "\x0e", "\x0f"):
                for character in part.replace("\xa0", " "):
                    look = {key: value for key, value in style.items()
                            if character != " " or key in (4, 7, 9, 48)}
                    row.append((character, str(sorted(look.items(), key=str))))
        while row and row[-1] == (" ", "[]"):
            row.pop()
        rows.append(" ".join("%s%s" % (c, "" if l == "[]" else l) for c, l in row))
    return "\n".join(rows) + "\n"


def differences(before, after):
    before, after = before.split("\n"), after.split("\n")
    return [(i, a, b) for i, (a, b) in enumerate(
        zip(before + [""] * len(after), after + [""] * len(before))) if a != b]


def picture(screen, columns, rows):
    """The screen as an SVG."""
    lines = screen.tmux("capture-pane", "-e", "-p", "-t", "s").split("\n")
    wide, high = 8.4, 18
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" '
           'font-family="ui-monospace,Menlo,Consolas,monospace" font-size="14">' %
           (columns * wide + 16, rows * high + 16),
           '<rect width="100%" height="100%" rx="6" fill="#1c1f26"/>']
    for row, line in enumerate(lines[:rows]):
        column, style = 0, set()
        for part in re.split(r"(\x1b\[[0-9;]*m)", line):
            if part.startswith("\x1b["):
                for word in part[2:-1].split(";"):
                    if word in ("", "0"):
                        style = set()
                    else:
                        style.add(word)
                continue
            if not part:
                continue
            x, y = 8 + column * wide, 8 + row * high
            colour = "#1c1f26" if "7" in style else (
                "#8b93a3" if "2" in style else "#e6e9ef")
            if "7" in style:
                out.append('<rect x="%g" y="%g" width="%g" height="%g" fill="#e6e9ef"/>' %
                           (x, y, len(part) * wide, high))
            if part.strip():
                start = len(part) - len(part.lstrip())
                word = part.strip()
                out.append('<text x="%g" y="%g" fill="%s"%s textLength="%g" '
                           'xml:space="preserve">%s</text>' %
                           (x + start * wide, y + 14, colour,
                            ' font-weight="bold"' if "1" in style else "",
                            len(word) * wide, html.escape(word)))
            column += len(part)
    out.append("</svg>\n")
    return "\n".join(out)
