#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
pages.py GODWIT [--write] PAGE... - what pages show of the explorer is what it prints

In a fenced block of a PAGE, a line "$ COMMAND" is followed by what COMMAND prints.  Blocks all of whose
commands are godwit explore, replay, races or guards, or look at what one of them wrote, are run
again, from top to bottom in one empty folder; others are left alone.  If it fails, a page shows
what the program does not print any more.  Figures of one run (counts, times, rates, digests, numbers
of frames and lines) are not compared.

--write puts into the page what is printed now, figures too:
    tests/explore/pages.py build/godwit --write README.md docs/races/*.md races/*/README.md
"""
import os
import re
import subprocess
import sys
import tempfile

VERBS = ("explore", "replay", "races", "guards")
LOOKS = ("cat", "head", "tail", "sed", "grep")

FIGURES = [
    (r"\b[0-9a-f]{16}\b", "DIGEST"),
    (r"^(\S+ +(?:exhausted|violated|budget|violated, as it must|exhausted, must not)) +\d+ +\d+ +[\d.]+ s", r"\1 N N N s"),
    (r"\d+\.\d+ s\b", "N s"),
    (r"\d+ executions/s", "N executions/s"),
    (r"\b\d+ (?=executions|traces|steps|of these executions|different traces)", "N "),
    (r"found with \d+ in \d+, shrunk in \d+", "found with N in N, shrunk in N"),
    (r"at most \d+ were taken", "at most N were taken"),
    (r"give or take \d+ %", "give or take N %"),
    (r"\d+ by pos, \d+ by dpor", "N by pos, N by dpor"),
    (r"frame \d+\b", "frame N"),
    (r"\.c:\d+", ".c:N"),
    (r"#\d+\b", "#N"),
    (r"^([A-Z]\w*) \d+ ", r"\1 N "),
    (r" +", " "),
]


def without_figures(lines):
    text = "\n".join(line.rstrip() for line in lines)
    for pattern, instead in FIGURES:
        text = re.sub(pattern, instead, text, flags=re.MULTILINE)
    return text.split("\n")


def is_ours(command):
    words = command.split()
    if words[0] == "godwit":
        return len(words) > 1 and words[1] in VERBS
    return words[0] in LOOKS


class Block:
    """The lines of a page from after one fence to before the next, and the commands in it."""

    def __init__(self, begin, lines):
        self.begin = begin
        self.parts = []  # (command, what is shown)
        for line in lines:
            if line.startswith("$ "):
                self.parts.append((line[2:], []))
            elif self.parts:
                self.parts[-1][1].append(line)
        self.ours = bool(self.parts) and all(is_ours(command) for command, _ in self.parts)
        self.ours = self.ours and lines[0].startswith("$ ")
        self.nr_lines = len(lines)


def blocks_of(lines):
    fences = [i for i, line in enumerate(lines) if line.startswith("```")]
    for first, last in zip(fences[::2], fences[1::2]):
        if last > first + 1:
            yield Block(first + 1, lines[first + 1 : last])


def output_of(command, folder, godwit):
    env = dict(os.environ, LC_ALL="C", PATH=os.path.dirname(godwit) + ":" + os.environ["PATH"])
    env.pop("COLUMNS", None)
    done = subprocess.run(["sh", "-c", command], cwd=folder, env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout.decode().rstrip("\n").split("\n") if done.stdout else []


def first_difference(shown, printed):
    for i in range(max(len(shown), len(printed))):
        a = shown[i] if i < len(shown) else "(nothing)"
        b = printed[i] if i < len(printed) else "(nothing)"
        if a != b:
            return "the page shows '%s', godwit prints '%s'" % (a, b)
    return None


def check(path, godwit, write):
    """Yields (name, what is wrong or None) for each command; rewrites @path if @write."""
    lines = open(path).read().split("\n")
    begun = {}
    with tempfile.TemporaryDirectory() as folder:
        for block in blocks_of(lines):
            if not block.ours:
                continue
            now = []
            for command, shown in block.parts:
                printed = output_of(command, folder, godwit)
                now += ["$ " + command] + printed
                wrong = first_difference(without_figures(shown), without_figures(printed or [""]))
                if not shown and not printed:
                    wrong = None
                yield "%s: %s" % (os.path.basename(path), command), wrong
            begun[block.begin] = (block.nr_lines, now)
    if write:
        for begin in sorted(begun, reverse=True):
            nr, now = begun[begin]
            lines[begin : begin + nr] = now
        open(path, "w").write("\n".join(lines))


def main():
    write = "--write" in sys.argv
    words = [word for word in sys.argv[1:] if word != "--write"]
    godwit, pages = os.path.abspath(words[0]), words[1:]
    nr = failures = 0
    for path in pages:
        at_least_one = False
        for name, wrong in check(path, godwit, write):
            at_least_one = True
            nr += 1
            failures += wrong is not None
            print("%s %d - %s" % ("ok" if wrong is None else "not ok", nr, name), flush=True)
            if wrong:
                print("# " + wrong, flush=True)
        if not at_least_one:
            nr += 1
            failures += 1
            print("not ok %d - %s shows something that godwit prints" % (nr, path), flush=True)
    print("1..%d" % nr)
    return failures > 0 and not write


sys.exit(main())
