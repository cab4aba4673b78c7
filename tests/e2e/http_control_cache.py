#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Control of the cache: purges, and what show, top and stats tell, with a whole sluiced over real sockets.

    tests/e2e/http_control_cache.py build/sluiced [TEST]...
"""

import re
import threading
import time
import unittest

from http_control_lab import Lab, LabTest


class PurgeTest(LabTest):
    def test_by_tag_every_response_that_has_it_goes_and_others_stay(self):
        for path in ("/lists/a", "/lists/b", "/other"):
            self.lab.ask(path)
            self.assertTrue(self.lab.is_hit(path), path)
        self.purge("--tag", "lists")
        self.assertFalse(self.lab.is_hit("/lists/a"))
        self.assertFalse(self.lab.is_hit("/lists/b"))
        self.assertTrue(self.lab.is_hit("/other"))

    def test_the_tags_an_origin_gives_are_purged_too(self):
        self.lab.origin.answers["/tagged"] = {"Surrogate-Key": "red green"}
        self.lab.ask("/tagged")
        self.assertTrue(self.lab.is_hit("/tagged"))
        self.purge("--tag", "gree")
        self.assertTrue(self.lab.is_hit("/tagged"))
        self.purge("--tag", "green")
        self.assertFalse(self.lab.is_hit("/tagged"))

    def test_a_url_covers_all_variants_and_no_other_url(self):
        for language in ("de", "en"):
            self.lab.ask("/lang", Accept_Language=language)
            self.assertTrue(self.lab.is_hit("/lang", Accept_Language=language))
        self.lab.ask("/language")
        self.purge(self.lab.url("/lang"))
        for language in ("de", "en"):
            self.assertFalse(self.lab.is_hit("/lang", Accept_Language=language), language)
        self.assertTrue(self.lab.is_hit("/language"))

    def test_a_url_covers_what_vary_tells_apart(self):
        self.lab.origin.answers["/vary"] = {"Vary": "Accept"}
        for kind in ("a/b", "c/d"):
            self.lab.ask("/vary", Accept=kind)
            self.assertTrue(self.lab.is_hit("/vary", Accept=kind))
        self.assertEqual(self.purge(self.lab.url("/vary"), "--json").json()["purged"], 2)
        self.assertFalse(self.lab.is_hit("/vary", Accept="a/b"))
        self.assertFalse(self.lab.is_hit("/vary", Accept="c/d"))

    def test_a_url_is_read_as_requests_are(self):
        for spelling in ("/lists/n%65w", "/lists/./x/../new", "/lists/new"):
            self.lab.ask("/lists/new")
            self.assertTrue(self.lab.is_hit("/lists/new"))
            self.purge(f"HTTP://127.0.0.1:{self.lab.port}{spelling}")
            self.assertFalse(self.lab.is_hit("/lists/new"), spelling)

    def test_of_a_query_counts_what_the_route_puts_in_the_key(self):
        self.lab.ask("/search?q=1&track=7")
        self.lab.ask("/search?q=2")
        self.assertTrue(self.lab.is_hit("/search?track=8&q=1"))
        self.purge(self.lab.url("/search?other=9&q=1"))
        self.assertFalse(self.lab.is_hit("/search?q=1"))
        self.assertTrue(self.lab.is_hit("/search?q=2"))

    def test_a_prefix_is_literal_and_a_glob_is_not(self):
        paths = ("/pre-a", "/pre-b", "/pra-c")
        for path in paths:
            self.lab.ask(path)
        self.purge("--prefix", self.lab.url("/pr*"))
        self.assertTrue(all(self.lab.is_hit(path) for path in paths))
        self.purge("--prefix", self.lab.url("/pre"))
        self.assertEqual([self.lab.is_hit(path) for path in paths], [False, False, True])
        self.purge("--glob", "*/pr?-[bc]")
        self.assertTrue(all(self.lab.is_hit(path) for path in paths))
        self.purge("--glob", "*/pr?-b")
        self.assertEqual([self.lab.is_hit(path) for path in paths], [True, False, True])

    def test_all_is_all(self):
        for path in ("/lists/q", "/q"):
            self.lab.ask(path)
            self.assertTrue(self.lab.is_hit(path))
        self.purge("--all")
        self.assertFalse(self.lab.is_hit("/lists/q"))
        self.assertFalse(self.lab.is_hit("/q"))

    def test_what_was_on_its_way_before_a_purge_is_not_stored(self):
        for number, how in enumerate((["--all"], ["--glob", "*slow*"])):
            path = f"/slow{number}"
            self.lab.origin.go_on.clear()
            asking = threading.Thread(target=self.lab.ask, args=(path,))
            asking.start()
            self.lab.wait(lambda: self.lab.origin.count(path), "the origin is asked")
            self.purge(*how)
            self.lab.origin.go_on.set()
            asking.join(10)
            self.assertFalse(self.lab.is_hit(path), how)
            self.assertTrue(self.lab.is_hit(path), how)

    def test_what_was_purged_hard_is_not_used_when_the_upstream_fails_and_what_was_purged_softly_is(self):
        lab = Lab()
        try:
            for path in ("/lists/hard", "/lists/soft"):
                lab.ask(path)
                self.assertTrue(lab.is_hit(path))
            lab.origin.is_dead = True
            self.assertEqual(lab.sluice("cache", "purge", lab.url("/lists/hard")).code, 0)
            self.assertEqual(lab.sluice("cache", "purge", "--soft", lab.url("/lists/soft")).code, 0)
            self.assertEqual(lab.ask("/lists/hard").status, 502)
            self.assertEqual(lab.ask("/lists/soft").status, 200)
        finally:
            lab.close()

    def test_an_http_purge_is_a_method_like_any_other(self):
        self.lab.ask("/kept")
        asked = self.lab.origin.count("/kept")
        self.assertEqual(self.lab.ask("/kept", "PURGE").body, b"content\n")
        self.assertEqual(self.lab.origin.count("/kept"), asked + 1)
        status, _ = self.lab.open("/v1/cache/purge")
        self.assertEqual(status, 404)

    def test_what_makes_no_sense_purges_nothing_and_says_why(self):
        self.lab.ask("/stays")
        for words, code, why in (
                (["127.0.0.1/stays"], 1, "http://"), (["http:///stays"], 1, "host"),
                (["http://h/a b"], 1, "printable"), (["http://h/%zz"], 1, "path"),
                (["http://h/a%2Fb"], 1, "refused"), (["--prefix", "/stays"], 1, "http://"),
                (["--tag", ""], 1, "tag"), (["--tag", "x" * 1025], 1, "1024"),
                (["--glob", "x" * 2049], 1, "2048"), ([], 2, "one of"),
                (["--all", "--tag", "x"], 2, "one of"), (["--all", "--by", "hits"], 2, "takes")):
            done = self.lab.sluice("cache", "purge", *words)
            self.assertEqual((done.code, done.out), (code, ""), words)
            self.assertIn(why, done.err, words)
        self.assertTrue(self.lab.is_hit("/stays"))


class ShowTest(LabTest):
    def test_show_tells_each_variant_and_what_it_would_be_good_for(self):
        self.lab.origin.answers["/shown"] = {"Vary": "Accept", "Cache-Tag": "one, two", "ETag": '"x"'}
        begun = time.monotonic()
        self.lab.ask("/shown", Accept="text/a")
        self.lab.ask("/shown", Accept="text/b")
        shown = self.lab.sluice("cache", "show", "--json", self.lab.url("/shown")).json()
        self.assertEqual(shown["found"], 2)
        variant = sorted(shown["variants"], key=lambda each: each["vary"])[0]
        self.assertEqual((variant["status"], variant["size"], variant["verdict"], variant["hit"]),
                         (200, 8, "fresh", True))
        self.assertEqual((variant["tags"], variant["vary"], variant["etag"], variant["lifetime_from"]),
                         (["one", "two"], ["accept:text/a"], '"x"', "origin"))
        self.assertLessEqual(variant["age"], time.monotonic() - begun + 1)
        self.assertEqual(variant["age"] + variant["ttl"], 60)

    def test_show_says_why_it_would_miss(self):
        self.lab.ask("/lists/soft")
        self.lab.sluice("cache", "purge", "--soft", "--all")
        text = self.lab.sluice("cache", "show", self.lab.url("/lists/soft")).out
        self.assertIn("lists", text)
        self.assertRegex(text, "purged|stale")
        self.assertIn("not cached", self.lab.sluice("cache", "show", self.lab.url("/off")).out)
        self.assertIn("nothing is stored", self.lab.sluice("cache", "show", self.lab.url("/never")).out)

    def test_top_ranks_by_hits_and_by_bytes(self):
        for times, path in ((5, "/top-a"), (3, "/top-b")):
            for _ in range(times):
                self.lab.ask(path)
        urls = [each["url"] for each in self.lab.sluice("cache", "top", "--json").json()]
        self.assertLess(urls.index(self.lab.url("/top-a")), urls.index(self.lab.url("/top-b")))
        self.lab.origin.answers["/top-big"] = {"X-Long": "x" * 3000}
        self.lab.ask("/top-big")
        top = self.lab.sluice("cache", "top", "--json", "--by", "bytes", "--top", "1").json()
        self.assertEqual([each["url"] for each in top], [self.lab.url("/top-big")])
        self.assertEqual(self.lab.sluice("cache", "top", "--by", "colour").code, 2)

    def test_status_and_stats_agree_on_what_the_cache_takes(self):
        self.lab.ask("/lists/agreed")
        stats = self.lab.sluice("cache", "stats", "--json").json()
        cache = self.lab.sluice("status", "--json").json()["http"]["cache"]
        self.assertEqual({name: stats[name] for name in ("bytes", "tables_bytes", "max_bytes")},
                         {name: cache[name] for name in ("bytes", "tables_bytes", "max_bytes")})
        total = re.search(r"cache +(\S+ \S+) ", self.lab.sluice("status").out.split("MEMORY")[1])[1]
        self.assertIn(f" {total} of ", self.lab.sluice("cache", "stats").out)

    def test_stats_count_hits_misses_and_why(self):
        before = self.lab.sluice("cache", "stats", "--json").json()
        self.lab.ask("/counted")
        self.lab.ask("/counted")
        self.lab.ask("/off")
        self.lab.ask("/n/o")
        after = self.lab.sluice("cache", "stats", "--json").json()
        for key, more in (("hits", 1), ("stored", 1), ("misses", 2)):
            self.assertEqual(after[key] - before[key], more, key)
        self.assertEqual(after["forwarded"]["bypass"] - before["forwarded"]["bypass"], 1)
        self.assertEqual(after["forwarded"]["uri-miss"] - before["forwarded"]["uri-miss"], 2)
        self.assertEqual(after["not_stored"]["no-freshness"] - before["not_stored"]["no-freshness"], 1)
        text = self.lab.sluice("cache", "stats").out
        self.assertRegex(text, r"hit +\d+ +\d")
        self.assertIn("no-freshness", text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
