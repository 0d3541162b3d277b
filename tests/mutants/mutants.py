#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""mutants.py - one lock, flush, check or order of the core taken out at a time, and is it missed?

usage: mutants.py generate MUTANTS SOURCE-ROOT PATH OUTPUT
       mutants.py run MUTANTS SOURCE-ROOT GODWIT [NAME...]
       mutants.py table MUTANTS SOURCE-ROOT GODWIT

generate: the source at PATH with all of its mutants in it, one of which the environment chooses when
the program runs; what is replaced must be there exactly once in the function that is named.
run: each mutant must be found, in the words that are written down, and by its scenario within its
budget; and with no mutant chosen nothing must be.  TAP on stdout.
table: the same as the table of docs/testing.md.

A stanza of MUTANTS:

	mutant NAME
	removes WHAT
	in PATH FUNCTION
	- what stands there, a statement or an expression; blanks do not matter
	+ what stands there instead
	explore SCENARIO OPTION...
	finds WORDS | OTHER WORDS

"in", "-" and "+" may come again; "guard GUARD" stands instead of them where a guard does the same.
After FUNCTION may come "1 of 2": the first of two such places.
"""
import json
import os
import re
import subprocess
import sys

SECONDS_MAX = 60  # of one search: a mutated core may hang
SOUND_EXECUTIONS = 500  # of a search in which nothing must be found


class Change:
    def __init__(self, path, function, nth, times):
        self.path, self.function, self.nth, self.times = path, function, nth, times
        self.old = self.new = None


class Mutant:
    def __init__(self, name):
        self.name = name
        self.removes = self.finds = None
        self.explore = []
        self.guard = None
        self.changes = []

    def place(self):
        if self.guard:
            return f"guard `{self.guard}`"
        return ", ".join(dict.fromkeys(f"`{change.path}`, `{change.function}()`"
                                       for change in self.changes))


def fail(sentence):
    sys.exit(f"mutants.py: {sentence}")


def parse(path):
    mutants = []
    with open(path, encoding="ascii") as file:
        lines = file.read().splitlines()
    for number, line in enumerate(lines, 1):
        word, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        if not word or word.startswith("#"):
            continue
        if word == "mutant":
            mutants.append(Mutant(rest))
            continue
        mutant = mutants[-1]
        if word in ("removes", "finds", "guard"):
            setattr(mutant, word, rest)
        elif word == "explore":
            mutant.explore = rest.split()
        elif word == "in":
            where, function, nth, times = (rest.replace(" of ", " ") + " 1 1").split()[:4]
            change = Change(where, function, int(nth), int(times))
            mutant.changes.append(change)
        elif word == "-":
            change.old = rest
        elif word == "+":
            change.new = rest
        else:
            fail(f"{path}:{number}: what is {word}?")
    names = [mutant.name for mutant in mutants]
    for mutant in mutants:
        if not (mutant.removes and mutant.finds and mutant.explore and
                names.count(mutant.name) == 1 and bool(mutant.guard) != bool(mutant.changes)):
            fail(f"{path}: {mutant.name} is not complete, or there are two")
    return mutants


# ---- Generating ----------------------------------------------------------------------------------


def function_span(text, path, function):
    """From the definition's first line to the brace that closes it."""
    definitions = [match for match in
                   re.finditer(rf"^\w[^;{{}}()]*\b{function}\([^;{{}}]*?\)\n{{\n.*?^}}\n", text,
                               re.MULTILINE | re.DOTALL)]
    if len(definitions) != 1:
        fail(f"{path} defines {function}() {len(definitions)} times, and not once")
    return definitions[0].span()


def change_span(text, path, name, change):
    start, end = function_span(text, path, change.function)
    pattern = r"\s+".join(re.escape(part) for part in change.old.split())
    matches = list(re.finditer(pattern, text[start:end]))
    if len(matches) != change.times:
        fail(f"the mutant {name} replaces \"{change.old}\" in {path}, {change.function}(), where "
             f"it is {len(matches)} times, and not {change.times}")
    match = matches[change.nth - 1]
    return start + match.start(), start + match.end()


def chosen(name):
    return f'mutant_is("{name}")'


def render(text, spans, start, end):
    """text[start:end] with the changes inside; one span may lie in another."""
    inside = sorted(span for span in spans if start <= span[0] and span[1] <= end)
    outer = [span for span in inside
             if not any(other != span and other[0] <= span[0] and span[1] <= other[1]
                        for other in inside)]
    result, at = "", start
    for span in outer:
        if span[0] < at:
            fail(f"changes overlap at \"{text[span[0]:span[1]]}\"")
        inner = {other: changes for other, changes in spans.items() if other != span}
        plain = render(text, inner, *span)
        for name, new in spans[span]:
            if plain.endswith((";", "}")):
                plain = f"{{ if ({chosen(name)}) {{ {new} }} else {{ {plain} }} }}"
            else:
                plain = f"({chosen(name)} ? ({new}) : ({plain}))"
        result += text[at:span[0]] + plain
        at = span[1]
    return result + text[at:end]


def generate(mutants, root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        text = file.read()
    spans = {}
    for mutant in mutants:
        for change in mutant.changes:
            if change.path == path:
                span = change_span(text, path, mutant.name, change)
                spans.setdefault(span, []).append((mutant.name, change.new))
    return f'#include "mutant_is.h"\n#line 1 "{path}"\n{render(text, spans, 0, len(text))}'


# ---- Running ----------------------------------------------------------------------------------------


class Result:
    def __init__(self):
        self.verdict = self.executions = self.message = None


def explore(root, godwit, mutant, chosen_name):
    scenario, *options = mutant.explore
    command = [godwit, "explore", os.path.join(root, scenario), "--json", *options]
    if not chosen_name:
        command.append(f"--executions={SOUND_EXECUTIONS}")
    environment = dict(os.environ, LC_ALL="C", GODWIT_MUTANT=chosen_name)
    result = Result()
    if mutant.guard and chosen_name:
        command.append(f"--without={mutant.guard}")
        environment["GODWIT_MUTANT"] = ""
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True,
                              check=False, timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        result.verdict, result.message = "hangs", ""
        return result
    try:
        said = json.loads(done.stdout)
    except json.JSONDecodeError:
        result.verdict = f"exit code {done.returncode}"
        result.message = done.stderr.strip().replace("\n", " ")
        return result
    result.verdict, result.executions = said["verdict"], said["executions"]
    result.message = f"{said.get('invariant') or ''}: {said.get('message') or said.get('error') or ''}"
    return result


def option(mutant, name, otherwise):
    for word in mutant.explore:
        if word.startswith(f"--{name}="):
            return word.partition("=")[2]
    return otherwise


def run(mutants, root, godwit, names):
    failures = number = 0
    sound = {}

    def tell(passed, what, result):
        nonlocal failures, number
        number += 1
        failures += not passed
        print(f"{'ok' if passed else 'not ok'} {number} - {what}: {result.verdict}, "
              f"{result.executions} executions", flush=True)
        if not passed:
            print(f"# {result.message}", flush=True)

    for mutant in mutants:
        if names and mutant.name not in names:
            continue
        result = explore(root, godwit, mutant, mutant.name)
        found = any(words in result.message for words in mutant.finds.split(" | "))
        tell(result.verdict == "violated" and found, mutant.name, result)
        sound.setdefault(tuple(mutant.explore), mutant)
    listed = subprocess.run([godwit, "guards"], capture_output=True, text=True, check=True).stdout
    guards = {line.split()[0] for line in listed.splitlines() if line}
    missing = guards - {mutant.guard for mutant in mutants}
    if not names:
        number += 1
        failures += bool(missing)
        print(f"{'not ok' if missing else 'ok'} {number} - every guard is one of them")
        print("".join(f"# {guard} is not\n" for guard in sorted(missing)), end="")
    for mutant in sound.values():
        result = explore(root, godwit, mutant, "")
        tell(result.verdict in ("exhausted", "budget"), " ".join(mutant.explore), result)
    print(f"1..{number}")
    return failures > 0


def table(mutants, root, godwit):
    print("| what is taken out | where | scenario | strategy | executions | finding |")
    print("|---|---|---|---|---:|---|")
    for mutant in mutants:
        result = explore(root, godwit, mutant, mutant.name)
        scenario = os.path.splitext(os.path.basename(mutant.explore[0]))[0]
        if scenario == "race":
            scenario = os.path.basename(os.path.dirname(mutant.explore[0]))
        invariant = result.message.partition(":")[0]
        print(f"| {mutant.name}: {mutant.removes} | {mutant.place()} | {scenario} | "
              f"{option(mutant, 'strategy', 'auto')} | {result.executions} | "
              f"{invariant}: {mutant.finds} |")
    return 0


def main():
    if len(sys.argv) < 5:
        fail("see its head")
    command, mutants, root, name = sys.argv[1:5]
    if command == "generate":
        text = generate(parse(mutants), root, name)
        with open(sys.argv[5], "w", encoding="utf-8") as file:
            file.write(text)
        return 0
    if command == "run":
        return run(parse(mutants), root, name, sys.argv[5:])
    if command == "table":
        return table(parse(mutants), root, name)
    return fail(f"what is {command}?")


if __name__ == "__main__":
    sys.exit(main())
