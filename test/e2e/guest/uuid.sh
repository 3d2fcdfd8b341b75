#!/bin/sh
# Prints the server's id from metadata in the named file.
exec sed -n 's/.*"uuid": "\([^"]*\)".*/\1/p' "$1"
