"""Lets agavepy reach the server that started this container.

agavepy sends its requests to `https://<host and port>/actors/v2`, whatever `_abaco_api_server`
says before the host and after it, and leaves the token out when there is a port. Python imports
this module at its start (its directory stands first in PYTHONPATH), and once `requests` is
imported, requests to that server are put right on their way out. A program that does not import
requests pays for nothing but this file. The user's own `sitecustomize` runs after it.
"""

import os
import sys


class _Watch:
    """Sees `requests.sessions` being imported, once."""

    def find_spec(self, name, path=None, target=None):
        if name != "requests.sessions":
            return None
        sys.meta_path.remove(self)
        from importlib.util import find_spec

        spec = find_spec(name)
        if spec is not None:
            _mend_after(spec.loader)
        return spec


def _mend_after(loader):
    execute = loader.exec_module

    def exec_module(module):
        execute(module)
        _mend(module)

    loader.exec_module = exec_module


def _mend(sessions):
    import functools

    as_it_was = sessions.Session.send

    @functools.wraps(as_it_was)
    def send(self, request, **options):
        _put_right(request, options)
        return as_it_was(self, request, **options)

    sessions.Session.send = send


def _put_right(request, options):
    """A prepared request for `_abaco_api_server`: its scheme, path and token."""
    from urllib.parse import parse_qs, urlsplit

    server = urlsplit(os.environ.get("_abaco_api_server", ""))
    asked = urlsplit(request.url)
    if not server.netloc or asked.netloc.lower() != server.netloc.lower():
        return
    prefix = server.path.rstrip("/")
    path = asked.path if asked.path.startswith(prefix + "/") else prefix + asked.path
    request.url = asked._replace(scheme=server.scheme, path=path).geturl()
    if server.scheme == "http":
        # The machine that this container is on: no proxy leads there.
        options["proxies"] = {}
    token = os.environ.get("_abaco_access_token")
    if token and "x-nonce" not in parse_qs(asked.query):
        request.headers.setdefault("Authorization", "Bearer " + token)


def _go_on():
    """Run the `sitecustomize` that stands after this one, which is then the one that is known."""
    here = os.path.dirname(os.path.abspath(__file__))
    places = [os.path.abspath(entry or ".") for entry in sys.path]
    after = places[places.index(here) + 1 :] if here in places else []
    # Only what comes later, so that copies of this file come to an end.
    rest = [place for place in after if place != here]
    for finder in sys.meta_path:
        spec = finder.find_spec("sitecustomize", rest)
        if spec is None or spec.loader is None:
            continue
        module = type(sys)(spec.name)
        module.__file__, module.__spec__, module.__loader__ = spec.origin, spec, spec.loader
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return


if os.environ.get("_abaco_api_server"):
    if "requests.sessions" in sys.modules:
        _mend(sys.modules["requests.sessions"])
    else:
        sys.meta_path.insert(0, _Watch())
_go_on()
