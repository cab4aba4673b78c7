#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Raw requests, malformed or tricky: each gets its status, and nothing of what is refused reaches the origin.

Behind every refused request stands another that is fine. Were the two cut apart in another place than the
sender meant, or were the connection to go on, the origin would see it: it must not.
"""

import sys
import threading

from http_lab import PATIENCE, Lab, Reader, read_answer

H = b"Host: api.test\r\n"
CANARY = b"GET /canary HTTP/1.1\r\nHost: api.test\r\n\r\n"


def get(fields=b"", target=b"/", version=b"HTTP/1.1", host=H):
    return b"GET " + target + b" " + version + b"\r\n" + host + fields + b"\r\n"


def post(fields, body=b"", host=H):
    return b"POST /p HTTP/1.1\r\n" + host + fields + b"\r\n" + body


def chunked(body, fields=b""):
    return post(b"Transfer-Encoding: chunked\r\n" + fields, body)


# name, bytes, status
REFUSED = [
    # Two lengths.
    ("length and coding", post(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), 400),
    ("coding and length", post(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"), 400),
    ("length zero and coding", post(b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), 400),
    ("two lengths that differ", post(b"Content-Length: 3\r\nContent-Length: 4\r\n", b"abcd"), 400),
    ("two lengths alike", post(b"Content-Length: 3\r\nContent-Length: 3\r\n", b"abc"), 400),
    ("length as a list", post(b"Content-Length: 3, 3\r\n", b"abc"), 400),
    ("length as a list that differs", post(b"Content-Length: 3, 4\r\n", b"abcd"), 400),
    ("length with a plus", post(b"Content-Length: +3\r\n", b"abc"), 400),
    ("length with a minus", post(b"Content-Length: -3\r\n", b"abc"), 400),
    ("length in hex", post(b"Content-Length: 0x3\r\n", b"abc"), 400),
    ("length with a blank inside", post(b"Content-Length: 1 0\r\n", b"abc"), 400),
    ("length with an underscore", post(b"Content-Length: 1_0\r\n", b"0123456789"), 400),
    ("length with a letter", post(b"Content-Length: 3a\r\n", b"abc"), 400),
    ("length with a dot", post(b"Content-Length: 3.0\r\n", b"abc"), 400),
    ("length empty", post(b"Content-Length: \r\n", b"abc"), 400),
    ("length that overflows 64 bits", post(b"Content-Length: 18446744073709551619\r\n", b"abc"), 400),
    ("length that overflows 63 bits", post(b"Content-Length: 9223372036854775808\r\n", b"abc"), 400),
    ("length of a hundred digits", post(b"Content-Length: " + b"9" * 100 + b"\r\n", b"abc"), 400),
    ("length quoted", post(b'Content-Length: "3"\r\n', b"abc"), 400),
    ("length with a semicolon", post(b"Content-Length: 3;x\r\n", b"abc"), 400),
    # Codings.
    ("coding unknown", post(b"Transfer-Encoding: gzip\r\n", b"abc"), 400),
    ("coding gzip before chunked", post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"), 501),
    ("coding chunked twice", post(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n"), 400),
    ("coding chunked in two fields", post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), 400),
    ("coding chunked not last", post(b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n"), 400),
    ("coding chunked then identity", post(b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n"), 400),
    ("coding identity", post(b"Transfer-Encoding: identity\r\n", b"abc"), 400),
    ("coding identity before chunked", post(b"Transfer-Encoding: identity, chunked\r\n", b"0\r\n\r\n"), 400),
    ("coding with a parameter", post(b"Transfer-Encoding: chunked;q=1\r\n", b"0\r\n\r\n"), 400),
    ("coding quoted", post(b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n"), 400),
    ("coding misspelled", post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"), 400),
    ("coding with a trailing comma", post(b"Transfer-Encoding: chunked,\r\n", b"0\r\n\r\n"), 400),
    ("coding with a leading comma", post(b"Transfer-Encoding: ,chunked\r\n", b"0\r\n\r\n"), 400),
    ("coding with a vertical tab", post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"), 400),
    ("coding empty", post(b"Transfer-Encoding: \r\n", b"0\r\n\r\n"), 400),
    ("coding in HTTP/1.0", b"POST /p HTTP/1.0\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("coding folded", post(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n"), 400),
    ("coding with a blank before the colon", post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"), 400),
    ("length with a blank before the colon", post(b"Content-Length : 3\r\n", b"abc"), 400),
    # Chunks.
    ("chunk size empty", chunked(b"\r\nabc\r\n0\r\n\r\n"), 400),
    ("chunk size with 0x", chunked(b"0x3\r\nabc\r\n0\r\n\r\n"), 400),
    ("chunk size with a plus", chunked(b"+3\r\nabc\r\n0\r\n\r\n"), 400),
    ("chunk size negative", chunked(b"-3\r\nabc\r\n0\r\n\r\n"), 400),
    ("chunk size no number", chunked(b"xyz\r\nabc\r\n0\r\n\r\n"), 400),
    ("chunk size with a blank before", chunked(b" 3\r\nabc\r\n0\r\n\r\n"), 400),
    ("chunk size with a blank behind", chunked(b"3 \r\nabc\r\n0\r\n\r\n"), 400),
    ("chunk size with a tab behind", chunked(b"3\t\r\nabc\r\n0\r\n\r\n"), 400),
    ("chunk size that overflows", chunked(b"10000000000000003\r\nabc\r\n0\r\n\r\n"), 400),
    ("chunk size of 16 f", chunked(b"ffffffffffffffff\r\nabc\r\n0\r\n\r\n"), 400),
    ("chunk size of 17 digits", chunked(b"00000000000000003\r\nabc\r\n0\r\n\r\n"), 400),
    ("chunk size with an underscore", chunked(b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n"), 400),
    ("chunk line ended by LF", chunked(b"3\nabc\r\n0\r\n\r\n"), 400),
    ("chunk line ended by CR", chunked(b"3\rabc\r\n0\r\n\r\n"), 400),
    ("chunk line ended by CR CR LF", chunked(b"3\r\r\nabc\r\n0\r\n\r\n"), 400),
    ("chunk without its end", chunked(b"3\r\nabc0\r\n\r\n"), 400),
    ("chunk ended by LF", chunked(b"3\r\nabc\n0\r\n\r\n"), 400),
    ("chunk longer than it says", chunked(b"3\r\nabcd\r\n0\r\n\r\n"), 400),
    ("chunk extension with a control byte", chunked(b"3;a=\x01\r\nabc\r\n0\r\n\r\n"), 400),
    ("chunk extension with a NUL", chunked(b"3;a=\x00\r\nabc\r\n0\r\n\r\n"), 400),
    ("chunk extension with LF", chunked(b"3;a\nabc\r\n0\r\n\r\n"), 400),
    ("chunk extension of 5,000 bytes", chunked(b"3;" + b"a" * 5000 + b"\r\nabc\r\n0\r\n\r\n"), 400),
    ("chunk extensions of 5,000 bytes in all", chunked(b"1;aaaaaaaaaaaaaaaa\r\nx\r\n" * 300 + b"0\r\n\r\n"), 400),
    ("last chunk ended by LF", chunked(b"3\r\nabc\r\n0\n\n"), 400),
    # Trailers.
    ("trailer without a colon", chunked(b"0\r\nabc\r\n\r\n"), 400),
    ("trailer with a blank before the colon", chunked(b"0\r\nX-A : b\r\n\r\n"), 400),
    ("trailer folded", chunked(b"0\r\nX-A: b\r\n c\r\n\r\n"), 400),
    ("trailer ended by LF", chunked(b"0\r\nX-A: b\n\r\n"), 400),
    ("trailer with a NUL", chunked(b"0\r\nX-A: \x00\r\n\r\n"), 400),
    ("trailers of 9,000 bytes", chunked(b"0\r\n" + b"X-A: " + b"b" * 9000 + b"\r\n\r\n"), 400),
    ("trailers, forty of them", chunked(b"0\r\n" + b"X-A: b\r\n" * 40 + b"\r\n"), 400),
    # Line ends.
    ("request line ended by LF", b"GET / HTTP/1.1\n" + H + b"\r\n", 400),
    ("request line ended by CR", b"GET / HTTP/1.1\r" + H + b"\r\n", 400),
    ("field ended by LF", get(b"X-A: b\n"), 400),
    ("field ended by CR", get(b"X-A: b\rX-B: c\r\n"), 400),
    ("field ended by CR CR LF", get(b"X-A: b\r\r\n"), 400),
    ("head ended by LF LF", b"GET / HTTP/1.1\nHost: api.test\n\n", 400),
    ("head ended by CR LF LF", b"GET / HTTP/1.1\r\n" + H + b"\n", 400),
    ("a lone CR first", b"\rGET / HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("a lone LF first", b"\nGET / HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("two empty lines first", b"\r\n\r\nGET / HTTP/1.1\r\n" + H + b"\r\n", 400),
    # Fields.
    ("field name empty", get(b": b\r\n"), 400),
    ("field without a colon", get(b"X-A\r\n"), 400),
    ("blank before the colon", get(b"X-A : b\r\n"), 400),
    ("tab before the colon", get(b"X-A\t: b\r\n"), 400),
    ("blank in a name", get(b"X A: b\r\n"), 400),
    ("slash in a name", get(b"X/A: b\r\n"), 400),
    ("parenthesis in a name", get(b"X(A: b\r\n"), 400),
    ("quote in a name", get(b'X"A: b\r\n'), 400),
    ("NUL in a name", get(b"X\x00A: b\r\n"), 400),
    ("control byte in a name", get(b"X\x01A: b\r\n"), 400),
    ("byte above 0x7f in a name", get(b"X\xe4A: b\r\n"), 400),
    ("NUL in a value", get(b"X-A: b\x00c\r\n"), 400),
    ("control byte in a value", get(b"X-A: b\x01c\r\n"), 400),
    ("DEL in a value", get(b"X-A: b\x7fc\r\n"), 400),
    ("escape in a value", get(b"X-A: \x1b[2J\r\n"), 400),
    ("folded field", get(b"X-A: b\r\n c\r\n"), 400),
    ("folded with a tab", get(b"X-A: b\r\n\tc\r\n"), 400),
    ("blank before the first field", b"GET / HTTP/1.1\r\n Host: api.test\r\n\r\n", 400),
    # Host.
    ("no Host", get(host=b""), 400),
    ("two Hosts", get(b"Host: other.test\r\n"), 400),
    ("two Hosts alike", get(H), 400),
    ("Host empty", get(host=b"Host: \r\n"), 400),
    ("Host with a path", get(host=b"Host: api.test/x\r\n"), 400),
    ("Host with a user", get(host=b"Host: me@api.test\r\n"), 400),
    ("Host with a blank", get(host=b"Host: api test\r\n"), 400),
    ("Host with a comma", get(host=b"Host: api.test, other.test\r\n"), 400),
    ("Host with an escape", get(host=b"Host: api%2etest\r\n"), 400),
    ("Host with port zero", get(host=b"Host: api.test:0\r\n"), 400),
    ("Host with a port too large", get(host=b"Host: api.test:65536\r\n"), 400),
    ("Host with a port that is none", get(host=b"Host: api.test:80x\r\n"), 400),
    ("Host with a bracket left open", get(host=b"Host: [::1\r\n"), 400),
    ("Host with a zone", get(host=b"Host: [fe80::1%25eth0]\r\n"), 400),
    ("Host with a bad IPv4 address", get(host=b"Host: 127.0.0.256\r\n"), 400),
    ("Host of 300 bytes", get(host=b"Host: " + b"a" * 60 + b"." + b"b" * 240 + b"\r\n"), 400),
    ("Host with a blank before the colon", get(host=b"Host : api.test\r\n"), 400),
    ("Host not served here", get(host=b"Host: other.test\r\n"), 421),
    ("Host not served here, absolute form", get(host=b"Host: other.test\r\n", target=b"http://other.test/"), 421),
    ("HTTP/1.0 without Host where hosts are listed", b"GET /old HTTP/1.0\r\n\r\n", 421),
    # Request line.
    ("two blanks before the target", b"GET  / HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("two blanks behind the target", b"GET /  HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("tab for a blank", b"GET\t/\tHTTP/1.1\r\n" + H + b"\r\n", 400),
    ("blank in the target", b"GET /a b HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("blank behind the version", b"GET / HTTP/1.1 \r\n" + H + b"\r\n", 400),
    ("blank before the method", b" GET / HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("no version", b"GET /\r\n" + H + b"\r\n", 400),
    ("HTTP/0.9 with a version", b"GET / HTTP/0.9\r\n" + H + b"\r\n", 400),
    ("HTTP/2.0", b"GET / HTTP/2.0\r\n" + H + b"\r\n", 400),
    ("HTTP/1.2", b"GET / HTTP/1.2\r\n" + H + b"\r\n", 400),
    ("HTTP/1.10", b"GET / HTTP/1.10\r\n" + H + b"\r\n", 400),
    ("HTTP/01.1", b"GET / HTTP/01.1\r\n" + H + b"\r\n", 400),
    ("http in small letters", b"GET / http/1.1\r\n" + H + b"\r\n", 400),
    ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    ("method with a colon", b"GE:T / HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("method with a byte above 0x7f", b"G\xe4T / HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("method empty", b" / HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("method of 33 bytes", b"A" * 33 + b" / HTTP/1.1\r\n" + H + b"\r\n", 501),
    ("CONNECT", b"CONNECT api.test:443 HTTP/1.1\r\n" + H + b"\r\n", 501),
    ("CONNECT with a path", b"CONNECT / HTTP/1.1\r\n" + H + b"\r\n", 501),
    ("TRACE", b"TRACE / HTTP/1.1\r\n" + H + b"\r\n", 501),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40, 400),
    ("a PROXY header nobody asked for", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", 400),
    # Target.
    ("target empty", b"GET  HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("target without a slash", get(target=b"a"), 400),
    ("target of another scheme", get(target=b"ftp://api.test/"), 400),
    ("target an authority", get(target=b"api.test:80"), 400),
    ("asterisk with GET", get(target=b"*"), 400),
    ("fragment", get(target=b"/a#b"), 400),
    ("NUL in the target", get(target=b"/a\x00b"), 400),
    ("byte above 0x7f in the target", get(target=b"/\xc3\xa4"), 400),
    ("absolute form of another host", get(target=b"http://other.test/"), 400),
    ("absolute form with a user", get(target=b"http://me@api.test/"), 400),
    ("absolute form without a host", get(target=b"http:///x"), 400),
    ("half an escape", get(target=b"/a%2"), 400),
    ("an escape that is none", get(target=b"/a%zz"), 400),
    ("escaped slash", get(target=b"/a%2Fb"), 400),
    ("escaped slash in small letters", get(target=b"/a%2fb"), 400),
    ("escaped backslash", get(target=b"/a%5Cb"), 400),
    ("backslash", get(target=b"/a\\b"), 400),
    ("escaped NUL", get(target=b"/a%00b"), 400),
    ("empty segment", get(target=b"/a//b"), 400),
    ("escaped dot segment", get(target=b"/a/%2e%2e/b"), 400),
    ("half escaped dot segment", get(target=b"/a/.%2E/b"), 400),
    ("dot segment with a parameter", get(target=b"/a/..;x/b"), 400),
    # Sizes.
    ("target of 9,000 bytes", get(target=b"/" + b"a" * 9000), 414),
    ("head of 20,000 bytes", get(b"X-A: " + b"a" * 20000 + b"\r\n"), 431),
    ("200 fields", get(b"X-A: b\r\n" * 200), 431),
    ("content larger than it may be", post(b"Content-Length: 200000\r\n"), 413),
    ("chunks larger than they may be", chunked(b"30d40\r\n" + b"a" * 1000), 413),
    # Connection and Expect.
    ("Connection names Host", get(b"Connection: host\r\n"), 400),
    ("Connection names Authorization", get(b"Authorization: x\r\nConnection: Authorization\r\n"), 400),
    ("Connection names Cookie", get(b"Cookie: a=b\r\nConnection: close, cookie\r\n"), 400),
    ("Connection names Cache-Control", get(b"Connection: cache-control\r\n"), 400),
    ("Connection names Content-Length", post(b"Content-Length: 3\r\nConnection: content-length\r\n", b"abc"), 400),
    ("Connection names Content-Type", get(b"Connection: content-type\r\n"), 400),
    ("Connection names X-Forwarded-For", get(b"Connection: x-forwarded-for\r\n"), 400),
    ("Connection names Forwarded", get(b"Connection: forwarded\r\n"), 400),
    ("Connection names the key's header", get(b"X-Key: 1\r\nConnection: x-key\r\n"), 400),
    ("Connection names no token", get(b"Connection: a b\r\n"), 400),
    ("Connection names forty", get(b"Connection: " + b"a,b,c,d,e," * 8 + b"close\r\n"), 400),
    ("Expect something else", post(b"Expect: 200-ok\r\nContent-Length: 3\r\n", b"abc"), 417),
    # Smuggling, seen in the wild or thought of here.
    ("coding chunked, then identity in another field",
     post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"0\r\n\r\n"), 400),
    ("coding empty, then chunked in another field",
     post(b"Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), 400),
    ("coding with a NUL behind", post(b"Transfer-Encoding: chunked\x00\r\n", b"0\r\n\r\n"), 400),
    ("coding with a semicolon behind", post(b"Transfer-Encoding: chunked ;\r\n", b"0\r\n\r\n"), 400),
    ("coding with a blank of Latin-1 before", post(b"Transfer-Encoding: \xa0chunked\r\n", b"0\r\n\r\n"), 400),
    ("coding behind a lone CR", post(b"X-A: b\r\n\rTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), 400),
    ("coding in a name of Latin-1", post(b"Transfer\xadEncoding: chunked\r\n", b"0\r\n\r\n"), 400),
    ("length and coding in HTTP/1.0", b"POST /p HTTP/1.0\r\n" + H + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("length folded", post(b"Content-Length:\r\n 3\r\n", b"abc"), 400),
    ("length with a vertical tab", post(b"Content-Length: \x0b3\r\n", b"abc"), 400),
    ("length with a blank of Latin-1", post(b"Content-Length: 3\xa0\r\n", b"abc"), 400),
    ("length minus zero", post(b"Content-Length: -0\r\n"), 400),
    ("length in digits of another script", post(b"Content-Length: \xd9\xa3\r\n", b"abc"), 400),
    ("length with an exponent", post(b"Content-Length: 3e0\r\n", b"abc"), 400),
    ("length with a comma behind", post(b"Content-Length: 3,\r\n", b"abc"), 400),
    ("length with a NUL in its name", post(b"Content-Length\x00: 3\r\n", b"abc"), 400),
    ("lengths in small letters and capitals", post(b"content-length: 3\r\nCONTENT-LENGTH: 3\r\n", b"abc"), 400),
    ("chunk extension with a lone CR", chunked(b"3;a\rb\r\nabc\r\n0\r\n\r\n"), 400),
    ("chunk extension behind a blank", chunked(b"3 ;a\r\nabc\r\n0\r\n\r\n"), 400),
    ("chunk extension that quotes a request",
     chunked(b'3;a="\r\n0\r\n\r\nGET /x HTTP/1.1\r\n' + H + b'\r\n"\r\n'), 400),
    ("chunk size with a comma", chunked(b"3,3\r\nabc\r\n0\r\n\r\n"), 400),
    ("chunk size of 63 bits and one", chunked(b"8000000000000000\r\nabc"), 400),
    ("chunk size of 63 bits", chunked(b"7fffffffffffffff\r\nabc"), 413),
    ("chunk ended by CR", chunked(b"3\r\nabc\r0\r\n\r\n"), 400),
    ("chunk ended by CR CR LF", chunked(b"3\r\nabc\r\r\n0\r\n\r\n"), 400),
    ("last chunk with a blank behind", chunked(b"3\r\nabc\r\n0 \r\n\r\n"), 400),
    ("last chunk and a word", chunked(b"3\r\nabc\r\n0\r\nX\r\n\r\n"), 400),
    ("trailer with an empty name", chunked(b"0\r\n: b\r\n\r\n"), 400),
    ("trailer with a NUL in its name", chunked(b"0\r\nX\x00A: b\r\n\r\n"), 400),
    ("trailer with a lone CR", chunked(b"0\r\nX-A: b\rc\r\n\r\n"), 400),
    ("trailers ended by LF", chunked(b"0\r\nX-A: b\r\n\n"), 400),
    ("a byte order mark first", b"\xef\xbb\xbfGET / HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("NUL behind the version", b"GET / HTTP/1.1\x00\r\n" + H + b"\r\n", 400),
    ("vertical tab for a blank", b"GET\x0b/ HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("form feed in the target", b"GET /\x0c HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("lone CR in the target", b"GET /a\rb HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("a line of blanks", get(b"   \r\n"), 400),
    ("tab before a field", get(b"\tX-A: b\r\n"), 400),
    ("lone CR before a field", get(b"X-A: b\r\n\rX-B: c\r\n"), 400),
    ("field ended by LF CR", get(b"X-A: b\n\rX-B: c\r\n"), 400),
    ("a pseudo field of HTTP/2", get(b":method: GET\r\n"), 400),
    ("a frame of HTTP/2", b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", 400),
    ("HTTP/1.", b"GET / HTTP/1.\r\n" + H + b"\r\n", 400),
    ("HTTP/11", b"GET / HTTP/11\r\n" + H + b"\r\n", 400),
    ("HTTP/3.0", b"GET / HTTP/3.0\r\n" + H + b"\r\n", 400),
    ("HTTP with one small letter", b"GET / HTTp/1.1\r\n" + H + b"\r\n", 400),
    ("HTTP/0.9", b"GET /\r\n", 400),
    ("HTTP/0.9 ended by LF", b"GET /\n", 400),
    ("TRACE in small letters", b"trace / HTTP/1.1\r\n" + H + b"\r\n", 501),
    ("CONNECT in small letters", b"Connect api.test:443 HTTP/1.1\r\n" + H + b"\r\n", 501),
    ("POST asterisk", b"POST * HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("OPTIONS asterisk with a query", b"OPTIONS *?x HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("absolute form of another port", get(target=b"http://api.test:8080/"), 400),
    ("absolute form of another scheme", get(target=b"https://api.test/"), 421),
    ("absolute form with a fragment", get(target=b"http://api.test/#x"), 400),
    ("absolute form with a backslash", get(target=b"http://api.test\\@other.test/"), 400),
    ("absolute form with a blank behind its host", get(target=b"http://api.test /"), 400),
    ("two slashes first", get(target=b"//other.test/x"), 400),
    ("Host with two dots", get(host=b"Host: api..test\r\n"), 400),
    ("Host with a dot first", get(host=b"Host: .api.test\r\n"), 400),
    ("Host with a NUL", get(host=b"Host: api.test\x00.other.test\r\n"), 400),
    ("Host with a fragment", get(host=b"Host: api.test#other\r\n"), 400),
    ("Host with a query", get(host=b"Host: api.test?other\r\n"), 400),
    ("Host with a backslash", get(host=b"Host: api.test\\other\r\n"), 400),
    ("Host quoted", get(host=b'Host: "api.test"\r\n'), 400),
    ("Host with a byte above 0x7f", get(host=b"Host: \xc3\xa4pi.test\r\n"), 400),
    ("Host in octal", get(host=b"Host: 0177.0.0.1\r\n"), 400),
    ("Host as a number", get(host=b"Host: 2130706433\r\n"), 400),
    ("Host folded", get(host=b"Host:\r\n api.test\r\n"), 400),
    ("two Hosts in other letters", get(b"hOsT: other.test\r\n"), 400),
    ("Connection names X-Real-IP", get(b"Connection: x-real-ip\r\n"), 400),
    ("Connection names True-Client-IP", get(b"Connection: true-client-ip\r\n"), 400),
    ("Connection quoted", get(b'Connection: "close"\r\n'), 400),
    ("Expect with something behind", post(b"Expect: 100-continue, other\r\nContent-Length: 3\r\n", b"abc"), 417),
    ("Expect with a parameter", post(b"Expect: 100-continue;x=1\r\nContent-Length: 3\r\n", b"abc"), 417),
]

# name, bytes, what the origin must see (part of it), what it must not
PASSED = [
    ("an empty line first", b"\r\n" + get(), b"GET / HTTP/1.1\r\n", b"\r\n\r\n\r\n"),
    ("absolute form", get(target=b"http://api.test/abs?x"), b"GET /abs?x HTTP/1.1\r\nHost: api.test\r\n", b"http://"),
    ("dot segments", get(target=b"/a/./b/../c"), b"GET /a/c HTTP/1.1", b".."),
    ("escapes of letters", get(target=b"/%61%7e%2d"), b"GET /a~- HTTP/1.1", b"%61"),
    ("escapes in small letters", get(target=b"/%c3%a4"), b"GET /%C3%A4 HTTP/1.1", b"%c3"),
    ("Host in capitals", get(host=b"Host: API.Test:80\r\n"), b"Host: api.test\r\n", b"API"),
    ("Host with the root's dot", get(host=b"Host: api.test.\r\n"), b"Host: api.test\r\n", b"test.\r"),
    ("a method nobody knows", b"BREW /pot HTTP/1.1\r\n" + H + b"\r\n", b"BREW /pot HTTP/1.1", b"\0"),
    ("PURGE", b"PURGE /x HTTP/1.1\r\n" + H + b"\r\n", b"PURGE /x HTTP/1.1", b"\0"),
    ("OPTIONS asterisk", b"OPTIONS * HTTP/1.1\r\n" + H + b"\r\n", b"OPTIONS * HTTP/1.1", b"\0"),
    ("underscore in a name", get(b"X_Key: 1\r\nX-Fine: 1\r\n"), b"X-Fine: 1", b"X_Key"),
    ("a method override", get(b"X-HTTP-Method-Override: DELETE\r\nX-Fine: 1\r\n"), b"X-Fine: 1", b"DELETE"),
    ("its kin", get(b"X-Method-Override: DELETE\r\nX-HTTP-Method: DELETE\r\n"), b"GET / ", b"DELETE"),
    ("a rewritten URL", get(b"X-Original-URL: /admin\r\nX-Rewrite-URL: /admin\r\n"), b"GET / ", b"admin"),
    ("a stranger's X-Forwarded-For", get(b"X-Forwarded-For: 6.6.6.6\r\n"), b"X-Forwarded-For: 127.0.0.1\r\n", b"6.6.6.6"),
    ("a stranger's Forwarded", get(b"Forwarded: for=6.6.6.6\r\n"), b"Forwarded: for=127.0.0.1", b"6.6.6.6"),
    ("a stranger's X-Real-IP", get(b"X-Real-IP: 6.6.6.6\r\n"), b"GET / ", b"6.6.6.6"),
    ("a stranger's X-Forwarded-Proto", get(b"X-Forwarded-Proto: https\r\n"), b"X-Forwarded-Proto: http\r\n", b"https"),
    ("a stranger's X-Forwarded-Anything", get(b"X-Forwarded-Server: evil\r\n"), b"GET / ", b"evil"),
    ("a stranger's request id", get(b"X-Request-Id: evil\r\n"), b"X-Request-Id: ", b"evil"),
    ("hop-by-hop fields", get(b"Keep-Alive: 5\r\nProxy-Connection: x\r\nTE: trailers\r\n"), b"GET / ", b"Keep-Alive"),
    ("what Connection names", get(b"X-Hop: 1\r\nConnection: X-Hop\r\n"), b"GET / ", b"X-Hop"),
    ("Proxy, which CGI takes for a setting", get(b"Proxy: evil\r\n"), b"GET / ", b"evil"),
    ("Upgrade to h2c", get(b"Upgrade: h2c\r\nHTTP2-Settings: AAA\r\nConnection: Upgrade, HTTP2-Settings\r\n"), b"GET / ", b"h2c"),
    ("Upgrade where no route has it", get(b"Upgrade: websocket\r\nConnection: Upgrade\r\n"), b"GET / ", b"websocket"),
    ("chunks with extensions", chunked(b"3;a=b\r\nabc\r\n0;c\r\n\r\n"), b"abc", b"a=b"),
    ("chunk sizes in capitals and with zeros", chunked(b"00A\r\n0123456789\r\n000\r\n\r\n"), b"0123456789", b"00A"),
    ("a coding in capitals", post(b"Transfer-Encoding: Chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n"), b"abc", b"\0"),
    ("a trailer that may not be one", chunked(b"1\r\na\r\n0\r\nContent-Length: 3\r\nX-Fine: 1\r\nAuthorization: x\r\n\r\n"),
     b"X-Fine: 1", b"Authorization"),
    ("blanks around a value", get(b"X-A: \t b \t\r\n"), b"X-A: b\r\n", b"\t"),
    ("bytes above 0x7f in a value", get(b"X-A: \xc3\xa4\r\n"), b"X-A: \xc3\xa4\r\n", b"\0"),
    ("length with zeros before", post(b"Content-Length: 003\r\n", b"abc"), b"Content-Length: 3\r\n", b": 003"),
    ("GET with content", get(b"Content-Length: 3\r\n") + b"abc", b"Content-Length: 3\r\n", b"\0"),
    ("a coding with a tab behind", post(b"Transfer-Encoding: chunked\t\r\n", b"3\r\nabc\r\n0\r\n\r\n"), b"Encoding: chunked\r\n", b"\t"),
    ("a length without a blank", post(b"Content-Length:3\r\n", b"abc"), b"Content-Length: 3\r\n", b"Length:3"),
    ("a length with an underscore in its name", post(b"Content_Length: 5\r\n"), b"POST /p HTTP/1.1", b"Content_Length"),
    ("a coding with an underscore in its name", post(b"Transfer_Encoding: chunked\r\n"), b"POST /p HTTP/1.1", b"Transfer_"),
    ("trailers that say who the client is",
     chunked(b"1\r\na\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Fine: 1\r\n\r\n"),
     b"X-Fine: 1", b"6.6.6.6"),
    ("trailers that frame", chunked(b"1\r\na\r\n0\r\nTransfer-Encoding: evil\r\nHost: evil\r\nConnection: evil\r\nX-Fine: 1\r\n\r\n"),
     b"X-Fine: 1", b"evil"),
    ("trailers that authenticate or name the request",
     chunked(b"1\r\na\r\n0\r\nCookie: evil\r\nX-Api-Key: evil\r\nX-Request-Id: evil\r\nRateLimit: evil\r\nX-Fine: 1\r\n\r\n"),
     b"X-Fine: 1", b"evil"),
    ("absolute form without a path", get(target=b"http://api.test"), b"GET / HTTP/1.1\r\nHost: api.test\r\n", b"http://"),
    ("absolute form with a query alone", get(target=b"HTTP://API.TEST:80?x"), b"GET /?x HTTP/1.1", b"API"),
    ("OPTIONS of an absolute form without a path", b"OPTIONS http://api.test HTTP/1.1\r\n" + H + b"\r\n", b"OPTIONS * HTTP/1.1", b"http://"),
    ("dot segments above the root", get(target=b"/../../b"), b"GET /b HTTP/1.1", b".."),
    ("an escaped line end in the path", get(target=b"/a%0d%0aX-Evil:1"), b"GET /a%0D%0AX-Evil:1 HTTP/1.1", b"\r\nX-Evil"),
    ("an escaped line end in the query", get(target=b"/a?b=%0d%0aX-Evil:1"), b"GET /a?b=%0d%0aX-Evil:1 HTTP/1.1", b"\r\nX-Evil"),
    ("an escape of an escape", get(target=b"/a%252e%252e/b"), b"GET /a%252e%252e/b HTTP/1.1", b".."),
    ("Host with a port of zeros", get(host=b"Host: api.test:00080\r\n"), b"Host: api.test\r\n", b"test:"),
    ("Host with an empty port", get(host=b"Host: api.test:\r\n"), b"Host: api.test\r\n", b"test:"),
    ("a stranger's addresses by other names",
     get(b"True-Client-IP: 6.6.6.6\r\nCF-Connecting-IP: 6.6.6.6\r\nX-Client-IP: 6.6.6.6\r\nX-Cluster-Client-IP: 6.6.6.6\r\n"
         b"Fastly-Client-IP: 6.6.6.6\r\n"), b"X-Forwarded-For: 127.0.0.1\r\n", b"6.6.6.6"),
    ("a stranger's host by other names", get(b"X-Host: evil\r\nX-Original-Host: evil\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Prefix: /evil\r\n"),
     b"Host: api.test\r\n", b"evil"),
    ("a quote in a stranger's Forwarded", get(b'Forwarded: for="6.6.6.6";host="evil\\"";proto=https\r\n'), b"proto=http\r\n", b"evil"),
    ("Upgrade with content", post(b"Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 3\r\n", b"abc"), b"Content-Length: 3\r\n", b"websocket"),
    ("Upgrade to TLS", get(b"Upgrade: TLS/1.0, HTTP/2.0\r\nConnection: Upgrade\r\n"), b"GET / ", b"TLS"),
    ("Upgrade without Connection", get(b"Upgrade: websocket\r\n"), b"GET / ", b"websocket"),
    ("Connection of commas", get(b"Connection: ,,close,,\r\n"), b"GET / ", b"close"),
    ("Connection names the coding", post(b"Transfer-Encoding: chunked\r\nConnection: transfer-encoding\r\n", b"3\r\nabc\r\n0\r\n\r\n"),
     b"Transfer-Encoding: chunked\r\n", b"Connection"),
    ("Expect twice", post(b"Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 3\r\n", b"abc"), b"abc", b"\0"),
    ("Expect in HTTP/1.0", b"POST /p HTTP/1.0\r\n" + H + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", b"abc", b"Expect"),
]

HTTP = """  hosts: [api.test, "127.0.0.1"]
  max: {body: 100000}
  routes:
    - {match: "/*", key: {header: X-Key}, limits: []}
"""


def talk(proxy, raw):
    """Send it, then read until the end. Returns the answers and how it ended."""
    with proxy.connect() as sock:
        sock.settimeout(PATIENCE)
        sender = threading.Thread(target=send_all, args=(sock, raw), daemon=True)
        sender.start()
        reader = Reader(sock)
        answers = []
        while True:
            answer = read_answer(reader)
            if answer is None:
                break
            answers.append(answer)
        sender.join()
        return answers, reader


def send_all(sock, raw):
    try:
        sock.sendall(raw)
    except OSError:
        pass  # refused in the middle


def check_refused(lab, name, raw, status):
    lab.origin.clear()
    answers, reader = talk(lab.proxy, raw + CANARY)
    assert len(answers) == 1, "%d answers" % len(answers)
    assert answers[0].status == status, "status %d" % answers[0].status
    assert answers[0].get("Content-Type") == "application/problem+json", "no problem+json"
    assert answers[0].get("Connection") == "close", "no Connection: close"
    assert answers[0].complete, "the answer was cut"
    assert not reader.held, "more came: %r" % reader.held
    seen = bytes(b"".join(lab.origin.raw))
    assert not seen, "the origin got %r" % seen[:200]


def check_passed(lab, name, raw, wanted, unwanted):
    lab.origin.clear()
    with lab.proxy.connect() as sock:
        sock.sendall(raw)
        reader = Reader(sock)
        answer = read_answer(reader)
        while answer and answer.status == 100:
            answer = read_answer(reader)
    assert answer and answer.status == 200, "status %s" % (answer and answer.status)
    seen = bytes(b"".join(lab.origin.raw)) if lab.origin.raw else b""
    seen = seen or b"".join(request.raw_head + request.body for request in lab.origin.requests)
    assert wanted in seen, "the origin got %r" % seen
    assert unwanted not in seen, "the origin got %r" % seen


def main():
    failed = 0
    only = sys.argv[1:]
    with Lab(echo_and_close, http=HTTP) as lab:
        for name, raw, *rest in REFUSED + PASSED:
            check = check_refused if len(rest) == 1 else check_passed
            if only and name not in only:
                continue
            try:
                check(lab, name, raw, *rest)
                print("ok %s: %s" % ("refused" if len(rest) == 1 else "passed", name), flush=True)
            except (AssertionError, OSError) as why:
                failed += 1
                print("FAIL %s: %s" % (name, why), flush=True)
    return 1 if failed else 0


def echo_and_close(connection):
    request = connection.request()
    if request:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


if __name__ == "__main__":
    sys.exit(main())
