"""A RESP server of a few lines, with replies and delays as a test wants them."""
import socket
import threading
import time


class Scripted:
    """Answers request i of all connections by `answer(i)`; writes in pieces of `piece` bytes.

    `requests` keeps the arguments of every request, in order of arrival.
    """

    def __init__(self, answer=lambda i: b"+OK\r\n", piece: int = 1 << 30, unix=None):
        self.answer, self.piece, self.requests = answer, piece, []
        self.lock = threading.Lock()
        if unix:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(unix))
            self.listener.listen()
            self.address = str(unix)
        else:
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.address = self.listener.getsockname()
        self.sockets = [self.listener]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        for made in self.sockets:
            made.close()

    def accept(self):
        while True:
            try:
                made, _ = self.listener.accept()
            except OSError:
                return
            if made.family == socket.AF_INET:
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets.append(made)
            threading.Thread(target=self.serve, args=(made,), daemon=True).start()

    def serve(self, made):
        try:
            with made.makefile("rb") as file:
                while line := file.readline():
                    self.reply(made, [self.argument(file) for _ in range(int(line[1:]))])
        except OSError:
            return                      # the test has seen enough

    @staticmethod
    def argument(file) -> bytes:
        size = int(file.readline()[1:])
        return file.read(size + 2)[:-2]

    def reply(self, made, args):
        with self.lock:
            index = len(self.requests)
            self.requests.append(args)
        answer = self.answer(index)
        if answer is None:
            made.shutdown(socket.SHUT_RDWR)
            return
        for at in range(0, len(answer), self.piece):
            made.sendall(answer[at:at + self.piece])
            if self.piece < len(answer):
                time.sleep(0.0005)
