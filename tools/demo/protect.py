# SPDX-License-Identifier: BSD-2-Clause
"""`make run IFACE=eth0 POLICY=file`: protect an interface of this machine."""

import fnmatch
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

from host import _UnixConnection
from netns import build_path

READY_SECONDS = 30
STOP_SECONDS = 20


class CannotProtect(Exception):
    """One line that says what is wrong and what to do."""


def names_of(policy):
    """The interfaces a policy names, as the agent reads it."""
    done = subprocess.run([build_path("sluiced"), "--check", policy], capture_output=True, text=True)
    if done.returncode:
        raise CannotProtect(done.stderr.strip() or f"{policy} does not load")
    found = re.search(r"^interfaces: (.*)$", done.stdout, re.M)
    return found.group(1).split() if found else []


def check(interface, policy):
    if not os.path.exists(f"/sys/class/net/{interface}"):
        raise CannotProtect(f"there is no interface {interface}; `ip link` lists those there are")
    names = names_of(policy)
    if not any(fnmatch.fnmatchcase(interface, name) for name in names):
        raise CannotProtect(f"{policy} does not name {interface}: add a line `interfaces: [{interface}]` to it"
                            + (f" (it names {', '.join(names)})" if names else ""))


def is_ready(control):
    connection = _UnixConnection(control)
    try:
        connection.request("GET", "/v1/status")
        return json.loads(connection.getresponse().read()).get("state") == "protecting"
    except (OSError, ValueError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_until_ready(agent, control):
    end = time.monotonic() + READY_SECONDS
    while agent.poll() is None and not is_ready(control):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return agent.poll() is None


def stop(agent):
    if agent.poll() is None:
        agent.send_signal(signal.SIGTERM)
    try:
        agent.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        agent.kill()
        agent.wait()


def tell_end(interface):
    print(f"Stopped. The datapath goes on limiting {interface} without the agent; "
          f"{build_path('sluiced')} --detach removes it.")


def with_top(agent_command, control, interface):
    """The agent's log in a file, `sluice top` on the terminal until it is left."""
    with tempfile.NamedTemporaryFile("w+", prefix="sl-agent-", suffix=".log") as log:
        # A session of its own: Ctrl-C leaves `sluice top`, the agent is ended in order.
        agent = subprocess.Popen(agent_command, stdout=log, stderr=log, start_new_session=True)
        try:
            ready = wait_until_ready(agent, control)
            if ready:
                subprocess.run([build_path("sluice"), "top", "--control", control])
        except KeyboardInterrupt:
            pass
        finally:
            failed = agent.poll() is not None
            stop(agent)
            log.seek(0)
            sys.stdout.write(log.read())
    if failed or not ready:
        return 1
    tell_end(interface)
    return 0


def in_foreground(agent_command, interface):
    """The agent's log is what there is to see. Its signals are ours."""
    agent = subprocess.Popen(agent_command, start_new_session=True)
    ended_by_us = False
    try:
        agent.wait()
    except KeyboardInterrupt:
        ended_by_us = True
    finally:
        stop(agent)
    if agent.returncode == 0 or ended_by_us:
        tell_end(interface)
        return 0
    return 1


def protect(interface, policy, control, agent_options):
    """Returns the exit code; raises CannotProtect before anything is touched."""
    check(interface, policy)
    command = [build_path("sluiced"), "--policy", policy, "--control", control, *agent_options]
    if sys.stdout.isatty() and sys.stdin.isatty():
        return with_top(command, control, interface)
    return in_foreground(command, interface)
