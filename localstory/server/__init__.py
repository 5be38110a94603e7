"""`localstory serve`: models of this computer behind OpenAI's HTTP interface, for scripts and other programs.

A request passes, in this order: `connection` (bytes, sizes, slow clients), `guard` (who may ask: Host, Origin, key), `web` (which
question it is), `asking` (JSON -> TextRequest), `turns` (whose turn it is), `shelf` (which model), the engine, and comes back
through `answers` (events -> JSON). `refusals` words what went wrong. Nothing is done for a request before `guard` let it pass.
"""
