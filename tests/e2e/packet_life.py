#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What happens to packets, buckets, bans and counters when policies, agents and interfaces come and go.

usage: packet_life.py [TEST]...    (root; $BUILD names the build directory)
"""

import json
import os
import signal
import socket
import stat
import struct
import subprocess
import threading
import time

from host import Counter, Host, settle
from netns import Lab, build_path, main, send_signal, wait_for

HOST, CLIENT, OTHER = "10.9.0.1", "10.9.0.2", "10.9.0.3"

POLICY = """
interfaces: [eth0]
protect: {udp: [9000], tcp: [9000]}
tiers:
  public: {packets: %s}
default: public
"""
SLOW = POLICY % "1/minute burst 20"
FAST = POLICY % "100000/second burst 100000"


def make(lab):
    host, client = lab.namespace("host"), lab.namespace("client")
    link(lab, host, client)
    return host, client


def link(lab, host, client):
    lab.veth(host, "eth0", client, "eth0")
    host.address("eth0", f"{HOST}/24")
    client.address("eth0", f"{CLIENT}/24")
    client.address("eth0", f"{OTHER}/24")


def send(host, client, source, count):
    """So many datagrams, each of which has been judged."""
    with client.inside():
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind((source, 0))
    for number in range(count):
        sender.sendto(struct.pack("!Q", number), (HOST, 9000))
    sender.close()
    settle(host, client, source, HOST)


def arrivals(counter, source):
    return len(counter.take().get(source, []))


class Echo:
    """One TCP connection that goes to and fro until stopped; an error on either side is kept."""

    def __init__(self, host, client):
        with host.inside():
            listener = socket.create_server((HOST, 9000))
        with client.inside():
            self.client = socket.create_connection((HOST, 9000), timeout=60)
        self.server, _ = listener.accept()
        listener.close()
        self.rounds, self.error, self.running = 0, None, True
        self.threads = [threading.Thread(target=self._guard, args=(step,))
                        for step in (self._ask, self._answer)]
        for thread in self.threads:
            thread.start()

    def _guard(self, step):
        try:
            while self.running:
                step()
        except OSError as error:
            if self.running:
                self.error = error
            self.running = False

    def _ask(self):
        self.client.sendall(b"x" * 100)
        if not self.client.recv(100, socket.MSG_WAITALL):
            raise ConnectionResetError("closed")
        self.rounds += 1
        time.sleep(0.001)

    def _answer(self):
        self.server.sendall(self.server.recv(100))

    def stop(self):
        self.running = False
        self.client.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(60)
        self.client.close()
        self.server.close()


class Stream:
    """Numbered datagrams at a steady pace until stopped."""

    def __init__(self, client, pause):
        with client.inside():
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((OTHER, 0))
        self.pause, self.sent, self.running = pause, 0, True
        self.thread = threading.Thread(target=self._send)
        self.thread.start()

    def _send(self):
        while self.running:
            self.socket.sendto(struct.pack("!Q", self.sent), (HOST, 9000))
            self.sent += 1
            time.sleep(self.pause)

    def stop(self):
        self.running = False
        self.thread.join(60)
        self.socket.close()


def reloads_under_traffic_lose_no_packet_and_reset_no_connection():
    with Lab() as lab:
        host, client = make(lab)
        counter = Counter(host, HOST, 9000)
        with Host(host, FAST) as sluice:
            echo, stream = Echo(host, client), Stream(client, 0.0005)
            try:
                for number in range(20):
                    sluice.load(POLICY % f"{100000 + number}/second burst 100000")
                    time.sleep(0.05)
                wait_for(lambda: stream.sent > 200 and (echo.rounds > 50 or echo.error), "there is traffic")
            finally:
                stream.stop()
                echo.stop()
            settle(host, client, OTHER, HOST)
            numbers = [struct.unpack("!Q", payload)[0] for payload in counter.take()[OTHER]]
            assert sorted(numbers) == list(range(stream.sent)), f"{len(numbers)} of {stream.sent}"
            assert not echo.error, echo.error
            reasons = sluice.reasons()
            assert not reasons["unready"] and not reasons["over_packets"], reasons


def a_reload_grants_nobody_a_new_burst():
    with Lab() as lab:
        host, client = make(lab)
        counter = Counter(host, HOST, 9000)
        with Host(host, SLOW) as sluice:
            send(host, client, CLIENT, 50)
            assert arrivals(counter, CLIENT) == 20
            for _ in range(3):
                sluice.load(SLOW)
                send(host, client, CLIENT, 50)
                assert arrivals(counter, CLIENT) <= 1
            send_signal(sluice.agent, signal.SIGHUP)
            wait_for(lambda: sluice.status()["policy"]["reloads"] >= 4, "the reload")
            send(host, client, CLIENT, 50)
            assert arrivals(counter, CLIENT) <= 1


def a_bad_policy_changes_nothing():
    with Lab() as lab:
        host, client = make(lab)
        counter = Counter(host, HOST, 9000)
        with Host(host, SLOW) as sluice:
            before = sluice.status()["generation"]
            sluice.write_policy("interfaces: [eth0]\ntiers: {public: {packets: nonsense}}\n")
            send_signal(sluice.agent, signal.SIGHUP)
            wait_for(lambda: sluice.status()["policy"]["failed_reloads"] == 1, "the reload fails")
            assert sluice.status()["generation"] == before
            send(host, client, CLIENT, 50)
            assert arrivals(counter, CLIENT) == 20


def after_kill_9_packets_stay_limited_and_the_next_agent_adopts_everything():
    with Lab() as lab:
        host, client = make(lab)
        counter = Counter(host, HOST, 9000)
        with Host(host, SLOW) as sluice:
            send(host, client, CLIENT, 100)
            assert arrivals(counter, CLIENT) == 20
            sluice.ask("POST", "/v1/bans", '{"prefix": "%s", "for": "1h"}' % OTHER)
            before = sluice.source(CLIENT)["dropped"]["packets"]
            sluice.kill()
            send(host, client, CLIENT, 100)
            send(host, client, OTHER, 100)
            assert arrivals(counter, CLIENT) <= 1 and arrivals(counter, OTHER) == 0
            sluice.start()
            send(host, client, CLIENT, 100)
            send(host, client, OTHER, 100)
            assert arrivals(counter, CLIENT) <= 1 and arrivals(counter, OTHER) == 0
            assert sluice.source(CLIENT)["dropped"]["packets"] >= before + 198
            assert sluice.interface("eth0")["adopted"]
            assert [ban["prefix"] for ban in sluice.ask("GET", "/v1/bans")] == [OTHER]
            assert sluice.reasons()["over_packets"] >= 278


def automatic_bans_begin_and_end_without_an_agent():
    with Lab() as lab:
        host, client = make(lab)
        counter = Counter(host, HOST, 9000)
        policy = POLICY % "1/second burst 10"
        policy += "bans: {after: 50 drops in 10 seconds, for: 6 seconds, up to: 1 hour}\n"
        with Host(host, policy) as sluice:
            sluice.kill()
            send(host, client, CLIENT, 200)
            assert 10 <= arrivals(counter, CLIENT) <= 13
            time.sleep(1)
            send(host, client, CLIENT, 5)
            assert arrivals(counter, CLIENT) == 0, "banned"
            time.sleep(6)
            send(host, client, CLIENT, 5)
            assert arrivals(counter, CLIENT) == 5, "the ban has ended"
            sluice.start()
            assert sluice.reasons()["banned"] >= 100


def an_interface_that_comes_back_is_protected_again_and_forgives_nothing():
    with Lab() as lab:
        host, client = make(lab)
        with Host(host, SLOW) as sluice:
            counter = Counter(host, "0.0.0.0", 9000)
            send(host, client, CLIENT, 50)
            assert arrivals(counter, CLIENT) == 20
            host.ip("link", "delete", "eth0")
            wait_for(lambda: not sluice.interface("eth0"), "the interface is gone")
            link(lab, host, client)
            wait_for(lambda: sluice.interface("eth0"), "the interface is protected again")
            send(host, client, CLIENT, 50)
            assert arrivals(counter, CLIENT) <= 1


def a_detach_while_a_killed_agent_is_still_ending_waits_for_its_end():
    """A process that is being killed takes connections, and resets them, until it is gone."""
    with Lab() as lab:
        host, _ = make(lab)
        with Host(host, SLOW) as sluice:
            sluice.kill()
            os.unlink(sluice.control)
            with socket.socket(socket.AF_UNIX) as ending:
                ending.bind(sluice.control)
                ending.listen()
                ending.settimeout(60)
                detaching = host.start(build_path("sluiced"), "--detach", "--control", sluice.control)
                for _ in range(3):
                    ending.accept()[0].close()
            assert detaching.wait(20) == 0
            assert "xdp" not in next(x for x in host.links() if x["ifname"] == "eth0")


def detach_removes_everything_and_every_packet_passes():
    with Lab() as lab:
        host, client = make(lab)
        counter = Counter(host, HOST, 9000)
        with Host(host, SLOW) as sluice:
            send(host, client, CLIENT, 50)
            assert arrivals(counter, CLIENT) == 20
            sluice.ask("POST", "/v1/detach")
            send(host, client, CLIENT, 50)
            assert arrivals(counter, CLIENT) == 50
            assert "xdp" not in next(x for x in host.links() if x["ifname"] == "eth0")
            assert "clsact" not in host.run("tc", "qdisc", "show", "dev", "eth0").stdout


BOTH = POLICY % "1/minute burst 20" + """
http:
  listen: ["10.9.0.1:9100"]
  upstream: ["127.0.0.1:9"]
  max: {connections: 100, per_source: 50}
  limits: ["2 per hour"]
"""


def ask_http(client, source):
    with client.inside():
        asking = socket.create_connection((HOST, 9100), timeout=60, source_address=(source, 0))
    asking.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    with asking:
        return int(asking.recv(65536).split()[1])


def status_and_explain_speak_of_both_planes():
    with Lab() as lab:
        host, client = make(lab)
        with Host(host, BOTH) as sluice:
            wait_for(lambda: sluice.status()["http"]["serving"], "the HTTP plane serves")
            send(host, client, CLIENT, 50)
            assert [ask_http(client, OTHER) for _ in range(3)] == [502, 502, 429]

            status = sluice.status()
            assert (status["state"], status["packet_plane"]) == ("protecting", True), status
            assert status["http"]["requests"] == 3 and status["reasons"]["over_packets"]["packets"] == 30, status

            greedy, caller = (sluice.ask("GET", f"/v1/explain/{one}") for one in (CLIENT, OTHER))
            assert (greedy["verdict"], greedy["http"]["over"]) == ("drop", 0), greedy
            assert (caller["verdict"], caller["http"]["over"]) == ("pass", 1), caller
            assert [one["remaining"] for one in caller["http"]["limits"]] == [0], caller

            sluice.ask("POST", "/v1/limits/reset", json.dumps({"client": OTHER}))
            assert ask_http(client, OTHER) == 502
            assert sluice.ask("GET", f"/v1/explain/{CLIENT}")["verdict"] == "drop"
            sluice.ask("POST", "/v1/detach")
            status = sluice.status()
            assert (status["state"], status["http"]["serving"]) == ("detached", True), status
            assert ask_http(client, OTHER) == 502


def many_bans_are_listed_whole_and_saved_while_others_are_served():
    """Lists of more than 512 bans come in pieces; the file is written beside the loop."""
    count = 20000
    with Lab() as lab:
        host, _ = make(lab)
        with Host(host, SLOW) as sluice:
            lines = "".join(f"198.{18 + n // 65536}.{n // 256 % 256}.{n % 256} 1h\n" for n in range(count))
            assert sluice.ask("POST", "/v1/import", lines)["imported"] == count
            sluice.ask("POST", "/v1/bans", '{"prefix": "203.0.113.0/24", "reason": "q\\"uote"}')
            path = os.path.join(sluice.directory, "state", "bans.json")
            wait_for(lambda: os.path.exists(path) and "203.0.113" in open(path, encoding="utf-8").read(),
                     "the bans are saved")
            assert sluice.status()["state"] == "protecting"
            listed = {one["prefix"]: one["reason"] for one in sluice.ask("GET", "/v1/bans")}
            assert len(listed) == count + 1 and listed["203.0.113.0/24"] == 'q"uote', len(listed)
            with open(path, encoding="utf-8") as file:
                saved = {one["prefix"]: one["reason"] for one in json.load(file)["bans"]}
            assert saved == listed, len(saved)
            sluice.ask("DELETE", "/v1/bans?prefix=203.0.113.0/24")
            sluice.stop()
            with open(path, encoding="utf-8") as file:
                assert len(json.load(file)["bans"]) == count  # the last word is that of the end


def after_a_reboot_the_interface_is_protected_before_saved_bans_are_read():
    with Lab() as lab:
        host, _ = make(lab)
        with Host(host, SLOW) as sluice:
            sluice.ask("POST", "/v1/bans", '{"prefix": "203.0.113.7"}')
            sluice.ask("POST", "/v1/detach")
            sluice.stop()
            path = os.path.join(sluice.directory, "state", "bans.json")
            with open(path, encoding="utf-8") as file:
                saved = json.load(file)
            with open(path, "w", encoding="utf-8") as file:
                json.dump({**saved, "boot_id": "another"}, file)
            before = len(sluice.log())
            sluice.start()
            assert [one["prefix"] for one in sluice.ask("GET", "/v1/bans")] == ["203.0.113.7"]
            log = sluice.log()[before:]
            assert log.index("eth0: protected") < log.index("restored 1 bans"), log


NOBODY = 65534


def who_is_neither_root_nor_of_the_sockets_group_is_refused_whatever_its_mode():
    with Lab() as lab:
        host, _ = make(lab)
        with Host(host, SLOW) as sluice:
            assert stat.S_IMODE(os.stat(sluice.control).st_mode) == 0o660
            os.chmod(sluice.directory, 0o755)
            os.chmod(sluice.control, 0o666)

            def answered(groups):
                done = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket",
                                       sluice.control, "http://sluice/v1/status"], user=NOBODY, group=NOBODY,
                                      extra_groups=groups, capture_output=True, text=True, timeout=30, cwd="/")
                return done.stdout

            assert answered([]) == "403", answered([])
            assert answered([os.stat(sluice.control).st_gid]) == "200"


def a_policy_that_only_the_start_could_read_is_told_of():
    with Lab() as lab:
        host, _ = make(lab)
        with Host(host, SLOW) as sluice:
            assert "SIGHUP" not in sluice.log()
            sluice.stop()
            os.chown(sluice.policy_path, 65534, 65534)
            os.chmod(sluice.policy_path, 0o600)
            sluice.start()
            assert "SIGHUP will not be able to read it" in sluice.log(), sluice.log()


def events_told_after_a_detach_name_their_tier():
    with Lab() as lab:
        host, client = make(lab)
        with Host(host, SLOW) as sluice:
            send(host, client, CLIENT, 50)
            wait_for(lambda: sluice.ask("GET", "/v1/events"), "an event")
            sluice.ask("POST", "/v1/detach")
            assert {one["tier"] for one in sluice.ask("GET", "/v1/events")} == {"public"}


def a_dry_run_shows_who_would_be_over_and_drops_nobody():
    with Lab() as lab:
        host, client = make(lab)
        counter = Counter(host, HOST, 9000)
        with Host(host, SLOW.replace("burst 20}", "burst 20, over: count}")) as sluice:
            send(host, client, CLIENT, 50)
            send(host, client, OTHER, 15)
            assert arrivals(counter, CLIENT) == 50
            over = {one["source"]: one["over"] for one in sluice.ask("GET", "/v1/sources")}
            assert over == {CLIENT: True, OTHER: False}, over
            assert sluice.reasons()["dry_run"] == 30


def _type(host, sluice, *words, **environment):
    """A command as an operator types it: its exit status, and all it printed."""
    environment = {"PATH": os.environ["PATH"], "SSH_CONNECTION": f"{OTHER} 50000 {HOST} 22", **environment}
    done = host.run(build_path("sluice"), *words, "--control", sluice.control, env=environment, check=False)
    return done.returncode, done.stdout + done.stderr


def a_ban_that_is_hardly_meant_takes_force():
    with Lab() as lab:
        host, _ = make(lab)
        with Host(host, SLOW) as sluice:
            for prefix, why in ((HOST, "this host's own"), ("10.9.0.0/24", f"{OTHER}, from where you are logged in"),
                                (OTHER, f"{OTHER}, from where you are logged in"),
                                ("0.0.0.0/0", "a good part of the internet"), ("::/0", "a good part of the internet")):
                code, said = _type(host, sluice, "ban", prefix)
                assert code == 1 and why in said and "--force" in said, (prefix, code, said)
            assert sluice.ask("GET", "/v1/bans") == []
            assert _type(host, sluice, "ban", CLIENT, "--for", "10m")[0] == 0
            assert _type(host, sluice, "ban", OTHER, "--force")[0] == 0
            assert sluice.ask("POST", "/v1/bans", json.dumps({"prefix": HOST}))["prefix"] == HOST


def an_import_leaves_out_what_is_hardly_meant_and_names_the_lines():
    with Lab() as lab:
        host, _ = make(lab)
        with Host(host, SLOW) as sluice:
            path = os.path.join(sluice.directory, "list")
            with open(path, "w") as file:
                file.write(f"198.51.100.1\n{HOST}\n0.0.0.0/0 1h\n198.51.100.2 1h\n")
            code, said = _type(host, sluice, "import", path)
            assert code == 1 and "2 banned" in said and "2 refused" in said, said
            assert f"{path}:2: " in said and f"{path}:3: " in said, said
            banned = {one["prefix"] for one in sluice.ask("GET", "/v1/bans")}
            assert banned == {"198.51.100.1", "198.51.100.2"}, banned
            code, said = _type(host, sluice, "import", path, "--force")
            assert code == 0 and "4 banned" in said, said


def a_longer_ban_stays_and_is_told_of_once():
    with Lab() as lab:
        host, _ = make(lab)
        with Host(host, SLOW) as sluice:
            assert "earlier" not in _type(host, sluice, "ban", CLIENT, "--for", "10m")[1]
            code, said = _type(host, sluice, "ban", CLIENT, "--for", "1m")
            assert code == 0 and "an earlier, longer ban stays" in said, said
            assert "earlier" not in _type(host, sluice, "ban", CLIENT, "--for", "20m")[1]
            assert len(sluice.ask("GET", "/v1/events")) == 2


def an_address_is_itself_however_it_is_written():
    with Lab() as lab:
        host, _ = make(lab)
        with Host(host, SLOW) as sluice:
            assert _type(host, sluice, "ban", f"::ffff:{CLIENT}")[0] == 0
            assert [one["prefix"] for one in sluice.ask("GET", "/v1/bans")] == [CLIENT]
            assert sluice.ask("GET", f"/v1/explain/::ffff:{CLIENT}")["verdict"] == "drop"
            assert sluice.ask("GET", f"/v1/explain/::ffff:{OTHER}")["verdict"] == "pass"
            assert _type(host, sluice, "unban", f"::ffff:{CLIENT}")[0] == 0


def detached_top_and_status_say_that_nothing_is_limited():
    with Lab() as lab:
        host, _ = make(lab)
        with Host(host, SLOW) as sluice:
            assert _type(host, sluice, "detach")[0] == 0
            for words in (["top", "--once"], ["status"]):
                code, said = _type(host, sluice, *words)
                assert code == 0 and "no packet is limited until sluiced is started again" in said, said
                assert "SOURCE" not in said and "TABLE" not in said, said


def a_ban_that_has_ended_cannot_be_ended():
    with Lab() as lab:
        host, _ = make(lab)
        with Host(host, SLOW) as sluice:
            for prefix in ("198.51.100.1", "198.51.100.0/24"):
                sluice.ask("POST", "/v1/bans", json.dumps({"prefix": prefix, "for": 1}))
            wait_for(lambda: sluice.ask("GET", "/v1/bans") == [], "the bans end")
            for prefix in ("198.51.100.1", "198.51.100.0/24"):
                code, said = _type(host, sluice, "unban", prefix)
                assert code == 1 and f"there is none in force for exactly {prefix}" in said, said


def each_line_of_the_policy_counts_what_came_from_there():
    rules = "\nsources:\n  10.9.0.2: deny\n  10.9.0.0/24: allow\n  10.8.0.0/16: deny\n"
    with Lab() as lab:
        host, client = make(lab)
        with Host(host, SLOW + rules) as sluice:
            send(host, client, CLIENT, 7)
            send(host, client, OTHER, 5)

            def counted():
                return [(one["prefix"], one["line"], one["tier"], one["passed"]["packets"], one["dropped"]["packets"])
                        for one in sluice.ask("GET", "/v1/rules")]

            line = (SLOW + rules).splitlines().index("sources:") + 2
            denied, allowed = ("10.9.0.2", line, "deny", 0, 7), ("10.9.0.0/24", line + 1, "allow", 5, 0)
            assert counted() == [denied, allowed], counted()
            by_passed = sluice.ask("GET", "/v1/rules?by=passed&top=1")
            assert [one["prefix"] for one in by_passed] == ["10.9.0.0/24"], by_passed
            rule = sluice.ask("GET", f"/v1/explain/{CLIENT}")["rule"]
            assert rule["dropped"] == {"packets": 7, "bytes": 7 * 50}, rule
            sluice.load(SLOW + "sources:\n  10.9.0.0/24: allow\n")
            assert [one[0] for one in counted()] == ["10.9.0.0/24"], "what the policy names no more is not shown"


if __name__ == "__main__":
    main([
        reloads_under_traffic_lose_no_packet_and_reset_no_connection,
        a_reload_grants_nobody_a_new_burst,
        a_bad_policy_changes_nothing,
        after_kill_9_packets_stay_limited_and_the_next_agent_adopts_everything,
        automatic_bans_begin_and_end_without_an_agent,
        an_interface_that_comes_back_is_protected_again_and_forgives_nothing,
        a_detach_while_a_killed_agent_is_still_ending_waits_for_its_end,
        detach_removes_everything_and_every_packet_passes,
        status_and_explain_speak_of_both_planes,
        many_bans_are_listed_whole_and_saved_while_others_are_served,
        after_a_reboot_the_interface_is_protected_before_saved_bans_are_read,
        who_is_neither_root_nor_of_the_sockets_group_is_refused_whatever_its_mode,
        a_policy_that_only_the_start_could_read_is_told_of,
        events_told_after_a_detach_name_their_tier,
        a_dry_run_shows_who_would_be_over_and_drops_nobody,
        a_ban_that_is_hardly_meant_takes_force,
        an_import_leaves_out_what_is_hardly_meant_and_names_the_lines,
        a_longer_ban_stays_and_is_told_of_once,
        an_address_is_itself_however_it_is_written,
        detached_top_and_status_say_that_nothing_is_limited,
        a_ban_that_has_ended_cannot_be_ended,
        each_line_of_the_policy_counts_what_came_from_there,
    ])
