# SPDX-License-Identifier: BSD-2-Clause
"""Packages from the npm registry that tests compare with, under BUILD/npm."""

import os
import shutil
import subprocess
import time

INSTALL_SECONDS = 120
TRIES = 4  # with a pause that grows: a registry may be busy


class Unavailable(Exception):
    pass


def install(build, package):
    """The directory of a package named with its version; raises Unavailable with the reason."""
    home = os.path.join(build, "npm")
    name, version = package.rsplit("@", 1)
    place = os.path.join(home, "node_modules", name)
    if not shutil.which("node") or not shutil.which("npm"):
        raise Unavailable("node and npm are not installed")
    if installed_version(place) == version:
        return place
    os.makedirs(home, exist_ok=True)
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact", "--prefix", home,
               package]
    for left in reversed(range(TRIES)):
        try:
            subprocess.run(command, check=True, timeout=INSTALL_SECONDS, capture_output=True)
            return place
        except (subprocess.SubprocessError, OSError) as why:
            if not left:
                raise Unavailable(f"npm cannot install {package}") from why
            time.sleep(5 * (TRIES - left))


def installed_version(place):
    try:
        with open(os.path.join(place, "package.json"), encoding="utf-8") as text:
            for line in text:
                if line.strip().startswith('"version"'):
                    return line.split('"')[3]
    except OSError:
        pass
    return None


def run_module(place, source, given, seconds=400):
    """Run an ES module's text from within a package's directory; returns what it prints."""
    path = os.path.join(place, "sluice-test.mjs")
    with open(path, "w", encoding="utf-8") as out:
        out.write(source)
    done = subprocess.run(["node", "--no-warnings", path], input=given, text=True, capture_output=True,
                          check=True, timeout=seconds)
    return done.stdout
