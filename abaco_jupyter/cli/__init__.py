"""The command line `abaco`: what the API can do, from a shell.

    cli/
      app.py        all commands together, and the page of `abaco --help`
      command.py    makes a command of a function: shared options, one place for errors
      session.py    what a command is given: the server, and how to answer
      ends.py       exit codes
      output.py     JSON, tables on a terminal, text with tabs anywhere else
      values.py     what stands on the line, as values
      complete.py   names of actors for the shell's completion
      inside.py     the commands for a program in the same process: `%abaco`
      profiles.py   servers that were logged in to
      nouns/        the commands, a module for each noun
      project/      `abaco init` and `abaco deploy`

Start-up is what a person waits for most often: a module here imports the standard library and
typer, and the client and rich only inside the function that needs them.
"""


def main() -> None:
    """The program `abaco`."""
    import sys

    try:
        from abaco_jupyter.cli.app import app
    except KeyboardInterrupt:
        sys.exit(130)
    for stream in (sys.stdout, sys.stderr):
        # A log may hold what the terminal's encoding does not have.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    app(prog_name="abaco")
