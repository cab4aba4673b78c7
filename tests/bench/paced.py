# SPDX-License-Identifier: BSD-2-Clause
"""Paced, numbered packets through a protected interface: what was lost, and how long one took at most.

A sender's packet reaches the receiving program within the sender's own system call (veth, one CPU), so the
time from before that call to the kernel's receive stamp is what the packet waited anywhere.
"""

import multiprocessing
import os
import socket
import struct
import time

SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
PAUSE = 50e-6  # seconds between packets
STAMP = struct.Struct("=QQ")  # number, nanoseconds of CLOCK_REALTIME at sending
KERNEL_STAMP = struct.Struct("=qq")


class Paced:
    """Sends while its `with` block runs; afterwards sent, lost, longest_ms and gap_ms."""

    def __init__(self, sender, receiver, address, port, cpu):
        self.sender, self.receiver = sender, receiver
        self.address, self.port, self.cpu = address, port, cpu
        self.arrived = []
        # A process of its own: a thread would wait for whatever this one does.
        self._fork = multiprocessing.get_context("fork")
        self._stop = self._fork.Event()
        self._sent = self._fork.Value("Q", 0)

    def __enter__(self):
        with self.receiver.inside():
            self.input = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.input.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 30)
            self.input.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            self.input.bind((self.address, self.port))
        with self.sender.inside():
            self.output = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.output.connect((self.address, self.port))
        self.process = self._fork.Process(target=self._send, daemon=True)
        self.process.start()
        return self

    def __exit__(self, *unused):
        self._stop.set()
        self.process.join()
        self.input.setblocking(False)
        self._receive()
        self.input.close()
        self.output.close()

    def _send(self):
        os.sched_setaffinity(0, {self.cpu})
        number = 0
        while not self._stop.is_set():
            self.output.send(STAMP.pack(number, time.time_ns()))
            number += 1
            time.sleep(PAUSE)
        self._sent.value = number

    def _receive(self):
        """Everything has arrived by now: it waits in the socket's buffer."""
        while True:
            try:
                payload, ancillary, _, _ = self.input.recvmsg(64, 128)
            except BlockingIOError:
                return
            seconds, nanoseconds = KERNEL_STAMP.unpack(ancillary[0][2])
            number, sent_ns = STAMP.unpack(payload)
            self.arrived.append((number, sent_ns, seconds * 10**9 + nanoseconds))

    @property
    def sent(self):
        return self._sent.value

    @property
    def lost(self):
        return self.sent - len(self.arrived)

    @property
    def longest_ms(self):
        """From before the sender's call to the receive stamp."""
        return max((there - sent for _, sent, there in self.arrived), default=0) / 1e6

    @property
    def gap_ms(self):
        """Between two arrivals: the sender's own pauses are in it."""
        times = [there for _, _, there in self.arrived]
        return max((b - a for a, b in zip(times, times[1:])), default=0) / 1e6
