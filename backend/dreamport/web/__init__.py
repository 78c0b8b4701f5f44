"""The browser player: a page, and a relay that makes it a client of ``PlayService`` like any engine."""

from dreamport.web.app import DEFAULT_WEB_PORT, WebServerError, create_app, running_web, serve_web

__all__ = ["DEFAULT_WEB_PORT", "WebServerError", "create_app", "running_web", "serve_web"]
