"""The command line: `python -m app serve` (also without a word) and `python -m app doctor`."""

import argparse
import asyncio
import logging
import math
import sys

import structlog
import uvicorn

from app.errors import SandboxUnavailable
from app.sandbox.doctor import Report, diagnose
from app.settings import BadSetting, Settings


def main(arguments: list[str] | None = None) -> int:
    """Run the command that `arguments` name; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m app", description="See what PyTorch's autograd recorded.")
    parser.add_argument(
        "command",
        nargs="?",
        choices=("serve", "doctor"),
        default="serve",
        help="serve: answer on TAPESCOPE_HOST and TAPESCOPE_PORT; doctor: try the sandbox's layers and list them",
    )
    command = parser.parse_args(arguments).command
    try:
        settings = Settings.from_environment()
    except BadSetting as error:
        print(error, file=sys.stderr)
        return 2
    log_as_suits(sys.stderr.isatty())
    return serve(settings) if command == "serve" else doctor(settings)


def serve(settings: Settings) -> int:
    """Serve until a signal ends it; the exit code."""
    logging.getLogger("uvicorn.error").addFilter(_not_told_yet)
    uvicorn.run(
        "app.main:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        server_header=False,
        access_log=False,  # each run has a line of its own
        timeout_graceful_shutdown=math.ceil(settings.deadline_s + settings.grace_s) + 1,
    )
    return 0


def _not_told_yet(record: logging.LogRecord) -> bool:
    """False for the traceback of a start that failed for a reason which the sandbox has logged in a sentence."""
    message = record.getMessage()
    return not (message.startswith("Traceback") and "\napp.errors." in message)


def doctor(settings: Settings) -> int:
    """Print what the sandbox of this machine holds; 1 if a core layer is missing."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        report = asyncio.run(diagnose(settings))
    except SandboxUnavailable as error:
        print(f"No snippet can be run: {error.reason}.")
        return 1
    print(as_table(report))
    return 1 if report.missing_core else 0


def as_table(report: Report) -> str:
    """The report for a terminal."""
    rows = [("layer", "", "state", "what it stops, and why it is missing")]
    for layer in report.layers:
        state = "active" if layer.active else "MISSING" if layer.core else "missing"
        rows.append((layer.name, "core" if layer.core else "", state, layer.stops))
        if layer.missing_because:
            rows.append(("", "", "", f"missing: {layer.missing_because}"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join((*map(str.ljust, row[:3], widths), row[3])).rstrip() for row in rows]
    lines += ["", *report.remarks]
    missing = ", ".join(report.missing_core)
    lines.append(
        f"Core layers are missing: {missing}. Run only snippets that you trust; a public server refuses to start."
        if missing
        else "Every core layer holds: strangers' snippets can be run."
    )
    return "\n".join(lines)


def log_as_suits(terminal: bool) -> None:
    """One line of JSON for each event, or words and colours for somebody who watches."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


if __name__ == "__main__":
    sys.exit(main())
