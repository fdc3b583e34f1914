"""What the process of a temporary Prefect server runs: it ends when its standard input does."""

import gc
import os
import socket
import sys
import threading


def _serve(descriptor: int) -> None:
    gc.disable()  # a fifth of the time until it is up
    import uvicorn
    from prefect.server.api.server import create_app

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            gc.freeze()
            gc.enable()

    server = Server(uvicorn.Config(create_app, factory=True, lifespan="on", log_level="critical"))

    def stop_with_parent() -> None:
        os.read(0, 1)
        server.should_exit = True

    threading.Thread(target=stop_with_parent, daemon=True).start()
    server.run(sockets=[socket.socket(fileno=descriptor)])
    os._exit(0)  # all is written; taking the interpreter apart would cost another second and a half


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
