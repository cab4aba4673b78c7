#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Who is counted: addresses, what proxies say, API keys, headers and cookies that anybody can invent."""

import json
import sys

from http_lab import Lab, Reader, read_answer, run, says, tests_of
from http_limits_lab import FOREVER, OK, Keys, ask_from, digest_of, let_in_of, statuses_of


def every_address_is_counted_by_itself():
    with Lab(says(OK), http='  limits: ["2 %s"]\n' % FOREVER) as lab:
        for last in range(1, 6):
            assert let_in_of(lab, 3, source="127.0.0.%d" % last) == 2


def what_strangers_say_about_forwarding_is_ignored():
    with Lab(says(OK), http='  limits: ["5 %s"]\n' % FOREVER) as lab:
        names = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP")
        said = [ask_from(lab, fields="%s: 198.51.100.%d\r\n" % (names[i % 6], i)).status for i in range(30)]
        assert said.count(200) == 5, said


def thousands_of_forwarded_addresses_and_ten_megabytes_of_them_change_nothing():
    many = "X-Forwarded-For: %s\r\n" % ", ".join("198.51.%d.%d" % (i // 250, i % 250) for i in range(4000))
    http = '  limits: ["5 %s"]\n  max: {head: 128 KiB}\n' % FOREVER
    for trusted in "", '  trusted_proxies: ["127.0.0.1"]\n':
        with Lab(says(OK), http=http + trusted) as lab:
            assert let_in_of(lab, 10, fields=many) == (5 if not trusted else 5)
            with lab.proxy.connect() as sock:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: api.test\r\n")
                line = b"X-Forwarded-For: " + b"198.51.100.7, " * 4000 + b"1.2.3.4\r\n"
                try:
                    for _ in range(10 * 1024 * 1024 // len(line)):
                        sock.sendall(line)
                except OSError:
                    pass  # it was refused on the way
                try:
                    answer = read_answer(Reader(sock))
                except OSError:
                    answer = None
                assert answer is None or answer.status == 431
            assert lab.proxy.memory_kib() < 200 * 1024


def behind_a_trusted_proxy_its_clients_are_counted():
    http = '  limits: ["2 %s"]\n  trusted_proxies: ["127.0.0.9"]\n' % FOREVER
    with Lab(says(OK), http=http) as lab:
        for client in "198.51.100.1", "198.51.100.2":
            assert let_in_of(lab, 3, fields="X-Forwarded-For: %s\r\n" % client, source="127.0.0.9") == 2
        # What the client put in front of it is the client's word.
        assert ask_from(lab, fields="X-Forwarded-For: 8.8.8.8, 198.51.100.1\r\n", source="127.0.0.9").status == 429


def ipv6_is_counted_by_its_first_64_bits():
    http = '  limits: ["2 %s"]\n  trusted_proxies: ["127.0.0.9"]\n' % FOREVER
    with Lab(says(OK), http=http) as lab:
        said = [ask_from(lab, fields="X-Forwarded-For: %s\r\n" % client, source="127.0.0.9").status
                for client in ("2001:db8::1", "2001:db8::2", "2001:db8::ffff:1", "2001:db8:0:1::1")]
        assert said == [200, 200, 429, 200]


def keys_of_the_file_are_clients_wherever_they_come_from():
    digests = tuple(digest_of(key) for key in ("a-key", "b-key", "b-new"))
    with Keys("# who\nalice - %s\nbob - %s\nbob - %s\n" % digests) as keys:
        http = '  keys: {file: "%s"}\n  key: api-key\n  limits: ["2 %s"]\n' % (keys.path, FOREVER)
        with Lab(says(OK), http=http) as lab:
            ask = lambda key, source: ask_from(lab, fields="X-API-Key: %s\r\n" % key, source=source).status
            assert [ask("a-key", "127.0.0.%d" % i) for i in (1, 2, 3)] == [200, 200, 429]
            # Two keys of one client count together.
            assert [ask("b-key", "127.0.0.1"), ask("b-new", "127.0.0.1"), ask("b-key", "127.0.0.2")] == [200, 200, 429]


def keys_that_nobody_knows_and_no_key_count_as_the_address():
    with Keys("alice - %s\n" % digest_of("a-key")) as keys:
        http = '  keys: {file: "%s"}\n  key: api-key\n  limits: ["3 %s"]\n' % (keys.path, FOREVER)
        with Lab(says(OK), http=http) as lab:
            said = [ask_from(lab, fields="X-API-Key: invented-%d\r\n" % i).status for i in range(5)]
            assert said == [200, 200, 200, 429, 429] and ask_from(lab).status == 429
            # A name is no key, nor is its digest; of two lines neither is believed.
            for value in "alice", digest_of("a-key"), "a-key\r\nX-API-Key: a-key":
                assert ask_from(lab, fields="X-API-Key: %s\r\n" % value).status == 429
            assert ask_from(lab, fields="X-API-Key: a-key\r\n").status == 200


def tiers_come_from_the_key_else_from_the_address():
    with Keys("alice gold %s\nbob - %s\n" % (digest_of("a-key"), digest_of("b-key"))) as keys:
        head = "tiers: {silver: unlimited}\nsources: {127.0.0.2/32: silver}\ndefault: allow\n"
        http = '  keys: {file: "%s"}\n  limits:\n' % keys.path + "".join(
            '    - {limit: "%d %s", tiers: [%s], key: [api-key]}\n' % (count, FOREVER, tier)
            for count, tier in ((5, "gold"), (3, "silver")))
        with Lab(says(OK), http=http) as lab:
            lab.proxy.reload(head + lab.proxy.text)
            alice, bob = "X-API-Key: a-key\r\n", "X-API-Key: b-key\r\n"
            assert let_in_of(lab, 8, fields=alice, source="127.0.0.2") == 5
            assert let_in_of(lab, 8, fields=bob, source="127.0.0.2") == 3
            assert let_in_of(lab, 8, source="127.0.0.2") == 3
            assert let_in_of(lab, 8, fields=bob, source="127.0.0.3") == 8  # of no tier


def inventing_headers_and_cookies_gains_nothing():
    for key, field in ("{header: X-User}", "X-User: u%d\r\n"), ("{cookie: sid}", "Cookie: sid=u%d\r\n"):
        with Lab(says(OK), http='  key: %s\n  limits: ["3 %s"]\n' % (key, FOREVER)) as lab:
            said = [ask_from(lab, fields=field % i).status for i in range(6)]
            assert said == [200, 200, 200, 429, 429, 429], said
            assert ask_from(lab).status == 429  # without one it is the address that counts
            assert ask_from(lab, fields=field % 0, source="127.0.0.2").status == 200


def an_identity_is_one_wherever_it_comes_from():
    with Lab(says(OK), http='  key: {header: X-User}\n  limits: ["3 %s"]\n' % FOREVER) as lab:
        said = [ask_from(lab, fields="X-User: mary\r\n", source="127.0.0.%d" % i).status for i in range(1, 6)]
        assert said == [200, 200, 200, 429, 429]


def beside_a_limit_on_the_address_identities_have_counts_of_their_own():
    http = '  limits: [{limit: "3 %s", key: {header: X-User}}, {limit: "10 %s", key: client, name: address}]\n' % (
        FOREVER, FOREVER)
    with Lab(says(OK), http=http) as lab:
        assert let_in_of(lab, 5, fields="X-User: mary\r\n") == 3
        assert let_in_of(lab, 5, fields="X-User: john\r\n") == 3
        assert let_in_of(lab, 5, fields="X-User: jane\r\n") == 3
        assert let_in_of(lab, 5, fields="X-User: paul\r\n") == 1


def several_parts_count_together():
    http = '  limits: [{limit: "2 %s", key: [client, {header: X-User}]}, {limit: "9 %s", key: source}]\n' % (
        FOREVER, FOREVER)
    with Lab(says(OK), http=http) as lab:
        for source in "127.0.0.1", "127.0.0.2":
            for user in "mary", "john":
                assert let_in_of(lab, 3, fields="X-User: %s\r\n" % user, source=source) == 2


def a_source_brings_so_many_new_identities_a_minute():
    http = '  max: {identities_per_source: 5}\n  limits: [{limit: "100 %s", key: {header: X-User}}, ' \
           '{limit: "1000 %s", key: client}]\n' % (FOREVER, FOREVER)
    with Lab(says(OK), http=http) as lab:
        said = [ask_from(lab, fields="X-User: u%d\r\n" % i) for i in range(8)]
        assert [answer.status for answer in said] == [200] * 5 + [429] * 3
        assert json.loads(said[7].body)["violated-policies"] == ["identities-per-source"]
        assert 40 <= int(said[7].get("Retry-After")) <= 60
        assert ask_from(lab, fields="X-User: u3\r\n").status == 200  # it is not new
        assert ask_from(lab, fields="X-User: u7\r\n", source="127.0.0.2").status == 200
        # Asked again it is no older than before.
        assert statuses_of(lab, 3, fields="X-User: u6\r\n") == [429] * 3
        assert lab.proxy.counters()["limit_inventions"] == 6


def a_dry_run_refuses_nobody_for_inventing_either():
    http = '  max: {identities_per_source: 5}\n  limits: [{limit: "1 %s", key: {header: X-User}, dry_run: true}]\n' % FOREVER
    with Lab(says(OK), http=http) as lab:
        assert [ask_from(lab, fields="X-User: u%d\r\n" % i).status for i in range(10)] == [200] * 10


def a_connection_that_names_an_identity_header_is_refused():
    with Lab(says(OK), http='  limits: [{limit: "3 %s", key: {header: X-User}}]\n' % FOREVER) as lab:
        assert ask_from(lab, fields="X-User: a\r\nConnection: X-User\r\n").status == 400


if __name__ == "__main__":
    sys.exit(run(tests_of(sys.modules[__name__])))
