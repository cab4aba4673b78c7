#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the documents show is true: examples, commands, links, names, licence lines.

Needs the programs that are built (BUILD, default build/), neither root nor BPF. One line for each test.
"""

import fnmatch
import glob
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
BOTH = "GPL-2.0-only OR BSD-2-Clause"
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def documents():
    names = glob.glob("*.md", root_dir=ROOT) + glob.glob("docs/*.md", root_dir=ROOT)
    return {name: read(name) for name in sorted(names)}


def blocks(text):
    """(language, body) of every fenced block."""
    return re.findall(r"^ *```(\w*)\n(.*?)^ *```$", text, re.S | re.M)


def prose(text):
    """The text without fenced blocks."""
    return re.sub(r"^ *```\w*\n.*?^ *```$", "", text, flags=re.S | re.M)


def quoted(text):
    """What stands between back quotes in the prose."""
    return re.findall(r"`([^`\n]+)`", prose(text))


def say(problems):
    assert not problems, "\n  " + "\n  ".join(problems)


def run(program, *arguments):
    return subprocess.run([os.path.join(BUILD, program), *arguments], cwd=ROOT, capture_output=True,
                          text=True, timeout=60, stdin=subprocess.DEVNULL)


# ---- Examples ----------------------------------------------------------------------


def without_comments(text):
    lines = (re.sub(r"(^|\s)#.*", "", line).rstrip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)


@test
def every_yaml_block_is_an_excerpt_of_an_example():
    examples = [without_comments(read(path)) for path in glob.glob("docs/examples/*.yaml", root_dir=ROOT)]
    say([f"{name}: {body.splitlines()[0]} ..." for name, text in documents().items()
         for language, body in blocks(text)
         if language == "yaml" and not any(without_comments(body) in one for one in examples)])


@test
def every_example_is_a_good_policy():
    say([done.stderr for done in (run("sluiced", "--check", path) for path in
                                  glob.glob("docs/examples/*.yaml", root_dir=ROOT)) if done.returncode])


@test
def mistakes_that_the_readme_shows_are_found_as_it_shows_them():
    body = next(body for _, body in blocks(read("README.md")) if "bad.yaml <<end" in body)
    bad = re.search(r"<<end\n(.*?)^end$", body, re.S | re.M).group(1)
    shown = re.findall(r"^/tmp/tour/bad\.yaml:(.*)$", body, re.M)
    done = subprocess.run([os.path.join(BUILD, "sluiced"), "--check", "/dev/stdin"], input=bad,
                          capture_output=True, text=True, timeout=60)
    found = re.findall(r"^/dev/stdin:(\d+:\d+: .*)$", done.stderr, re.M)
    assert shown == found, f"shown {shown}, found {found}"


@test
def what_the_readme_shows_of_a_check_is_what_it_prints():
    body = next(body for _, body in blocks(read("README.md")) if "bad.yaml <<end" in body)
    shown = body[body.index("docs/examples/tour.yaml: good"):]
    done = run("sluiced", "--check", "docs/examples/tour.yaml")
    assert shown.strip() == done.stdout.strip(), done.stdout


@test
def the_edge_that_the_readme_tells_is_the_one_that_a_check_computes():
    limits, edge = (re.findall(r"\| ([^|]+?) (?=\|)", line) for line in re.search(
        r"^ *(\| limit .*)\n.*\n *(\| withstands .*)$", read("README.md"), re.M).groups())
    policy = "interfaces: [eth0]\nprotect: everything\ndefault: t0\ntiers:\n" + "".join(
        f"  t{i}: {{packets: {limit}}}\n" for i, limit in enumerate(limits[1:]))
    done = subprocess.run([os.path.join(BUILD, "sluiced"), "--check", "/dev/stdin"], input=policy,
                          capture_output=True, text=True, timeout=60)
    found = re.findall(r"^  t\d .*?packets +\S+ {2,}(\S.*)$", done.stdout, re.M)
    assert [one.replace(",", "") for one in edge[1:]] == found, f"{edge} {found}"


# ---- Commands ----------------------------------------------------------------------


def command_lines():
    """(document, command line) of every line that a document tells people to type."""
    for name, text in documents().items():
        for language, body in blocks(text):
            if language != "yaml":
                yield from ((name, line.strip()) for line in body.splitlines())
        yield from ((name, line) for line in quoted(text))


@test
def every_sluice_command_that_is_shown_exists():
    known = set(re.findall(r"^  ([a-z]+) ", run("sluice", "help").stdout, re.M))
    policy = run("sluice", "help", "policy").stdout
    known |= {f"policy {word}" for word in ("load", "check", "diff", "show") if word in policy}
    assert {"status", "ban", "policy check"} <= known, known
    say([f"{name}: {line}" for name, line in command_lines()
         for found in [re.match(r"(?:\$ )?(?:host )?(?:build/)?sluice ((?:policy )?[a-z]+)\b", line)]
         if found and found.group(1) not in known])


@test
def every_option_that_is_shown_exists():
    known = set()
    for text in [run("sluiced", "--help").stdout, run("sluice", "--help").stdout] + [
            run("sluice", "help", *name.split()).stdout for name in
            ["status", "top", "sources", "events", "ban", "allow", "import", "cache", "clients"]]:
        known |= set(re.findall(r"--[a-z][a-z-]+", text))
    say([f"{name}: {option} in {line}" for name, line in command_lines()
         for found in [re.match(r"(?:\$ )?(?:host )?(?:build/)?sluiced? .*", line)] if found
         for option in re.findall(r"(?<= )--[a-z][a-z-]+", line) if option not in known])


@test
def every_make_target_that_is_shown_exists():
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.M))
    say([f"{name}: {line}" for name, line in command_lines() if line.startswith("make ")
         for word in re.sub(r"  .*", "", line).split()[1:]
         if re.fullmatch(r"[a-z-]+", word) and word not in targets])


# ---- Links and paths -----------------------------------------------------------------


def anchors(text):
    heads = re.findall(r"^#+ (.*)$", prose(text), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@test
def every_link_within_the_tree_resolves():
    bad = []
    for name, text in documents().items():
        for link in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
            if not os.path.exists(os.path.join(ROOT, target)):
                bad.append(f"{name}: {link}")
            elif anchor and anchor not in anchors(read(target)):
                bad.append(f"{name}: {link}: no such heading")
    say(bad)


@test
def every_path_that_is_named_exists():
    tops = ("agent", "bpf", "include", "tools", "tests", "docs", "man", "completions")
    say([f"{name}: {word}" for name, text in documents().items() for word in quoted(text)
         if re.fullmatch(rf"(?:{'|'.join(tops)})/[\w./-]*", word)
         and not os.path.exists(os.path.join(ROOT, word))])


# ---- Names ---------------------------------------------------------------------------


def table(name):
    """Labels of one of the X() tables of abi.h."""
    body = re.search(rf"#define {name}\(X\)(.*?[^\\])\n", read("include/sluice/abi.h"), re.S).group(1)
    return set(re.findall(r'"([a-z_]+)",', body))


def manual_section(section):
    body = re.search(rf"^\.Sh {section}\n(.*?)(?=^\.Sh )", read("man/sluiced.8"), re.S | re.M).group(1)
    return set(re.findall(r"^\.It ([a-z_]+)$", body, re.M))


@test
def the_manual_has_every_reason_and_every_fault_and_no_others():
    assert manual_section("VERDICTS") == table("SL_REASONS")
    assert manual_section("FAULTS") == table("SL_FAULTS")


@test
def the_threat_model_speaks_of_every_fault():
    told = set(quoted(read("docs/threat-model.md")))
    say([fault for fault in table("SL_FAULTS") if fault not in told])


@test
def every_reason_and_fault_that_output_shows_exists():
    known = table("SL_REASONS") | table("SL_FAULTS")
    shown = re.findall(r'(?:reason|fault)="([a-z_]+)"', read("README.md"))
    shown += re.findall(r"^([a-z_]+) +(?:pass|flag|drop) ", read("README.md"), re.M)
    assert shown
    say([name for name in shown if name not in known])


@test
def every_metric_that_is_named_exists():
    known = {metric for path in glob.glob("agent/control/metrics*.[ch]", root_dir=ROOT)
             for metric in re.findall(r'"(sluice_[a-z_]+)"', read(path))}
    assert {"sluice_packets_total", "sluice_limits_left_out"} <= known
    say([f"{name}: {metric}" for name, text in documents().items()
         for metric in re.findall(r"\bsluice_[a-z_]+\b", text)
         if metric not in known and not metric.endswith("_")])


@test
def every_test_that_the_threat_model_names_exists():
    sources = "".join(read(path) for pattern in ("tests/bpf/*.c", "tests/unit/*.c", "tests/e2e/*.py")
                      for path in glob.glob(pattern, root_dir=ROOT))
    model = read("docs/threat-model.md")
    section = "".join(model.split(title)[1].split("\n## ")[0] for title in ("## Ways around", "## Bans from"))
    named = re.findall(r"`([a-z0-9_]{16,})`", section)
    assert len(named) > 30
    say([name for name in named if not re.search(rf"\b{name}\(", sources)])


@test
def every_key_of_a_policy_is_in_the_reference():
    text = read("docs/policy.md")
    keys = set()
    for path in glob.glob("agent/policy/parse*.c", root_dir=ROOT):
        if "http" not in path:
            keys |= set(re.findall(r'^\s*\{\s*"([a-z_ ]+)",', read(path), re.M))
    assert {"tiers", "packets"} <= keys, keys
    say([key for key in keys if not re.search(rf"`{key}[`:]|^## {key}$", text, re.M)])


@test
def the_control_socket_answers_what_its_document_lists_and_nothing_else():
    listed = {(method, re.sub(r"/(ADDR|KEY)$", "/*", path)) for method, path in re.findall(
        r"`(GET|POST|DELETE) (/[a-z0-9/]*(?:ADDR|KEY)?)", read("docs/control.md"))}
    answered = set(re.findall(r'\{"([A-Z]+)", "(/[^"]+)",', read("agent/control/commands.c")))
    assert listed == answered, listed ^ answered


@test
def every_member_of_an_answer_that_is_documented_is_written_by_the_agent():
    places = glob.glob("agent/control/*.c", root_dir=ROOT) + glob.glob("agent/http/*.c", root_dir=ROOT)
    code = "".join(read(path) for path in places).replace('\\"', '"')  # the HTTP child writes its JSON by hand
    tables = "".join(re.findall(r"#define SL_\w+\(X\).*?[^\\]\n", read("include/sluice/abi.h"), re.S))
    shapes = re.findall(r"^[a-z]+: (`\{.*)$|^allow: (`\{.*)$", read("docs/control.md"), re.M)
    members = set(re.findall(r'"([a-z_]+)"', "".join(a + b for a, b in shapes)))
    assert {"generation", "strikes", "share", "problems"} - members == {"problems"}
    say([member for member in members if f'"{member}"' not in code + tables])


@test
def every_counter_of_the_http_plane_is_a_metric():
    table = re.search(r"#define HTTP_COUNTERS\(X\).*?[^\\]\n", read("agent/http/counters.h"), re.S).group(0)
    names = re.findall(r"X\((\w+),", table)
    # Its difference from those accepted is the gauge; interim answers are those of upstreams; what is no hit is told by why.
    told = {"closed", "informational", "cache_misses"}
    rows = read("agent/control/metrics_http_rows.h")
    assert len(names) > 40 and "accepted" in names, names
    say([name for name in names if name not in told and f'"{name.removeprefix("cache_")}"' not in rows])


# ---- Installed -------------------------------------------------------------------------


@test
def every_link_of_an_installed_document_leads_somewhere():
    with tempfile.TemporaryDirectory(prefix="slD") as place:
        # What is built stays as it is: -o all.
        done = subprocess.run(["make", "-s", "-o", "all", "install", f"DESTDIR={place}", f"BUILD={BUILD}"], cwd=ROOT,
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        top = os.path.join(place, "usr/local/share/doc/sluice")
        pages = glob.glob("*.md", root_dir=top) + glob.glob("docs/*.md", root_dir=top)
        assert "README.md" in pages and "docs/policy.md" in pages, pages
        say([f"{page}: {link}" for page in pages
             for link in re.findall(r"\]\(([^)#:]+)[^):]*\)", open(os.path.join(top, page), encoding="utf-8").read())
             if not os.path.exists(os.path.join(top, os.path.dirname(page), link))])


# ---- Licences --------------------------------------------------------------------------


def licences_of(path):
    """What a file may say. Tests that are compiled together with what is in bpf/ have its licence."""
    if path.startswith("include/sluice/"):
        return {BOTH, "BSD-2-Clause"}
    if path.startswith("bpf/"):
        return {"GPL-2.0-only"}
    return {"BSD-2-Clause", "GPL-2.0-only", BOTH} if path.startswith("tests/") else {"BSD-2-Clause"}


@test
def every_file_says_its_licence():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    files = listed.stdout.split("\n")[:-1] if listed.returncode == 0 else []
    exempt = re.search(r"^path = \[(.*)\]$", read("REUSE.toml"), re.M).group(1)
    patterns = [one.replace("**", "*") for one in re.findall(r'"([^"]+)"', exempt)]
    bad = []
    for path in files:
        if any(fnmatch.fnmatch(path, pattern) for pattern in patterns):
            continue
        with open(os.path.join(ROOT, path), "rb") as file:
            head = b"".join(file.readlines(2048)[:5]).decode("utf-8", "replace")
        found = re.search(r"SPDX-License-Identifier: ([\w.-]+(?: OR [\w.-]+)?)", head)
        if not found or found.group(1) not in licences_of(path):
            bad.append(f"{path}: {found.group(1) if found else 'no line'}")
    say(bad)


def main():
    failed = 0
    for one in TESTS:
        try:
            one()
            print(f"ok {one.__name__}", flush=True)
        except Exception as error:  # whatever it is, the others still run
            failed += 1
            print(f"FAIL {one.__name__}\n  {type(error).__name__}: {error}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
